import { join } from 'node:path';
import { expect } from 'chai';
import { type Machine, makeMachine } from '../../integration/agent/agent-machine.ts';
import { startRig } from '../../integration/agent/agent-rig.ts';
import { freePorts } from '../../support/real/consul-ports.ts';

/** The real agent of a machine that has joined `web`, which calls `pay`; from a real bridge and Consul. */
export interface AgentUnderFuzz {
  machine: Machine;
  /** Its DNS server listens there, on 127.0.0.1. */
  port: number;
  /** Path of its local API. */
  socket: string;
  stop(): Promise<void>;
}

const LEASE_MS = 3000;
/** V8 collects early, so that growth is not garbage. A leak ends the agent. */
const SMALL_HEAP = '--max-old-space-size=48 --max-semi-space-size=1';

export async function startAgentUnderFuzz(): Promise<AgentUnderFuzz> {
  const machine = await makeMachine();
  const rig = await startRig({ leaseMs: LEASE_MS });
  const stop = async (): Promise<void> => {
    await machine.remove();
    await rig.stop();
  };
  try {
    const [port = 0, app = 0, upstream = 0] = await freePorts(3);
    rig.admit('web', [{ service: 'pay', localPort: upstream }]);
    const flags = ['--port', `${app}`, '--check', 'tcp', '--host-name', 'vm1', '--no-systemd'];
    const joined = await machine.landbridge('vm', 'join', await rig.invite('web'), ...flags);
    expect(joined.code, joined.stderr).to.equal(0);
    machine.startAgent({ LANDBRIDGE_DNS: `127.0.0.1:${port}`, NODE_OPTIONS: SMALL_HEAP });
    return { machine, port, socket: join(machine.runtimeDir, 'agent.sock'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
