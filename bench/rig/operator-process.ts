import { spawn } from 'node:child_process';
import { eventually } from '../../test/support/eventually.ts';
import { freePorts } from '../../test/support/real-consul-ports.ts';

export interface OperatorProcess {
  pid: number;
  webhookPort: number;
  /** One figure of its /metrics, summed over labels. 0 when it is not there. */
  metric(name: string): Promise<number>;
  /** The end of its log. */
  log(): string;
  /** SIGTERM, which hands the lease back; SIGKILL after 10 s. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;

/** Starts the built operator and waits until it leads. `env` is the whole of its environment but PATH, ports and POD_NAME. */
export async function startOperator(bundle: string, env: Record<string, string>): Promise<OperatorProcess> {
  const [webhookPort = 0, probePort = 0] = await freePorts(2);
  const child = spawn(process.execPath, [bundle, 'operator'], {
    env: {
      PATH: process.env.PATH,
      ...env,
      LANDBRIDGE_WEBHOOK_PORT: `${webhookPort}`,
      LANDBRIDGE_PROBE_PORT: `${probePort}`,
      POD_NAME: 'operator-0',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Out of our process group, so that Ctrl-C ends the measures first and the operator in its turn.
    detached: true,
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
  }
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  let ended = false;
  const over = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true;
      process.off('exit', killWithUs);
      resolve();
    });
  });

  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${probePort}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
  const operator: OperatorProcess = {
    pid: child.pid ?? 0,
    webhookPort,
    metric,
    log: () => log,
    async stop() {
      child.kill('SIGTERM');
      const patience = setTimeout(killWithUs, STOP_DEADLINE_MS);
      await over;
      clearTimeout(patience);
    },
  };
  try {
    await eventually('the operator leads', START_DEADLINE_MS, async () => {
      if (ended) return 'ended';
      return (await metric('leader_election_master_status')) === 1 ? 'leading' : undefined;
    });
    if (ended) throw new Error('the operator ended');
  } catch (error) {
    await operator.stop();
    throw new Error(`${(error as Error).message}; its log: ${log}`);
  }
  return operator;
}
