import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_LEASE_MS } from '../../mesh/outside/lease.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { compute } from '../../lab/sample/chain.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import { bootVm, cutNetwork, cutPower, restoreNetwork } from '../../lab/vm/power.ts';
import { eventually } from '../support/eventually.ts';
import { expectLossUntil, failuresOf, underLoad } from '../support/load/load.ts';

const inShop = ['--namespace', SAMPLE_NAMESPACE];
/**
 * When the last click that a lost VM fails may have been sent, after the cut and as the client sees it. After the lease:
 * the bridge notices the lapse, one transaction to Consul, Consul gathers changes for 200 ms, xDS brings them to each Envoy.
 */
const LEASE_BAR_MS = DEFAULT_LEASE_MS + 500;
/** The same for a killed process, which the agent's check of each second finds: long before any lease. */
const CHECK_BAR_MS = 4000;

describe('under a steady 20 clicks a second', () => {
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));
  afterEach(async () => whole());

  /** Every instance of the sample serves again. */
  const whole = (): Promise<true> =>
    eventually('all instances serve', 90_000, async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => compute(lab.edge)));
      const served = new Set(
        answers.flatMap(({ body }) => body.calls ?? []).map(({ service, instance }) => `${service}/${instance}`),
      );
      return served.size === 5 ? true : Promise.reject(new Error(`only ${[...served].sort().join(', ')} serve`));
    });

  const unitsOf = async (vmName: string, pattern: string): Promise<string[]> => {
    const list = ['systemctl', 'list-units', '--plain', '--no-legend', '--state=active', pattern];
    const { stdout } = await vmExec(lab.vm(vmName), list);
    return stdout.split('\n').flatMap((line) => line.trim().split(/\s+/)[0] || []);
  };

  it('loses no click when a sub-svc pod is deleted', async () => {
    const pods = await lab.cluster.kubectl(['get', 'pods', ...inShop, '-l', 'app=sub-svc', '-o', 'name']);
    const shots = await underLoad(lab.edge, async () => {
      await lab.cluster.kubectl(['delete', pods.split('\n')[0]!, ...inShop, '--wait=true', '--timeout=60s']);
    });
    expect(failuresOf(shots)).to.deep.equal([]);
    expect(shots.length).to.be.greaterThan(100);
  });

  it('loses no click when an add-svc instance is stopped gracefully', async () => {
    const [unit = ''] = await unitsOf('vm2', 'add-svc@*');
    try {
      const shots = await underLoad(lab.edge, async () => {
        await vmExec(lab.vm('vm2'), ['systemctl', 'stop', unit], { timeoutMs: 60_000 });
      });
      expect(failuresOf(shots)).to.deep.equal([]);
    } finally {
      await vmExec(lab.vm('vm2'), ['systemctl', 'start', unit], { timeoutMs: 60_000 });
    }
  });

  it('loses only calls to add-svc when one of its processes is killed, and none once its check has found it', async () => {
    const [unit = ''] = await unitsOf('vm2', 'add-svc@*');
    let killedMs = 0;
    try {
      const shots = await underLoad(
        lab.edge,
        async (load) => {
          // Stopped for systemd as well, or it would be back after a second.
          const kill = 'systemctl kill --signal=SIGKILL "$1"; systemctl stop --no-block "$1"';
          killedMs = load.nowMs();
          await vmExec(lab.vm('vm2'), ['sh', '-c', kill, 'kill', unit]);
          await delay(CHECK_BAR_MS);
        },
        { afterMs: 5000 },
      );
      expectLossUntil(shots, {
        what: 'add-svc killed',
        lostMs: killedMs,
        barMs: CHECK_BAR_MS,
        hop: 'frontend -> add-svc',
      });
    } finally {
      await vmExec(lab.vm('vm2'), ['systemctl', 'restart', unit], { timeoutMs: 60_000 });
    }
  });

  it("loses only calls to sub-svc when a VM's network is cut, none after the lease, and takes it back when it is there again", async () => {
    let cutMs = 0;
    try {
      const shots = await underLoad(
        lab.edge,
        async (load) => {
          cutMs = load.nowMs();
          await cutNetwork(lab.vm('vm3'));
          await delay(LEASE_BAR_MS);
        },
        { afterMs: 5000 },
      );
      expectLossUntil(shots, {
        what: "vm3's network cut",
        lostMs: cutMs,
        barMs: LEASE_BAR_MS,
        hop: 'frontend -> sub-svc',
      });
    } finally {
      await restoreNetwork(lab.vm('vm3'));
    }
  });

  it("loses only calls to sub-svc when a VM's power is cut, none after the lease, and it comes back by itself when it boots", async () => {
    let cutMs = 0;
    try {
      const shots = await underLoad(
        lab.edge,
        async (load) => {
          cutMs = load.nowMs();
          await cutPower(lab.vm('vm3'));
          await delay(LEASE_BAR_MS);
        },
        { afterMs: 5000 },
      );
      expectLossUntil(shots, {
        what: "vm3's power cut",
        lostMs: cutMs,
        barMs: LEASE_BAR_MS,
        hop: 'frontend -> sub-svc',
      });
    } finally {
      await bootVm({ name: 'vm3' });
    }
  });

  it('loses no click while Consul and the operator are restarted', async () => {
    const inSystem = ['--namespace', NAMESPACE];
    const shots = await underLoad(
      lab.edge,
      async () => {
        const by = (component: string): string[] => ['-l', `app.kubernetes.io/component=${component}`];
        await lab.cluster.kubectl(['delete', 'pod', ...inSystem, ...by('consul'), '--wait=true', '--timeout=60s']);
        await lab.cluster.kubectl(['delete', 'pod', ...inSystem, ...by('operator'), '--wait=true', '--timeout=60s']);
        await lab.cluster.kubectl([
          'rollout',
          'status',
          'statefulset/landbridge-consul-server',
          ...inSystem,
          '--timeout=120s',
        ]);
        await lab.cluster.kubectl([
          'rollout',
          'status',
          'deployment/landbridge-operator',
          ...inSystem,
          '--timeout=120s',
        ]);
      },
      { afterMs: 8000 },
    );
    expect(failuresOf(shots)).to.deep.equal([]);
  });

  it('loses no click while the bridge is restarted', async () => {
    const inSystem = ['--namespace', NAMESPACE];
    const shots = await underLoad(
      lab.edge,
      async () => {
        await lab.cluster.kubectl([
          'delete',
          'pod',
          ...inSystem,
          '-l',
          'app.kubernetes.io/component=bridge',
          '--wait=true',
          '--timeout=60s',
        ]);
        await lab.cluster.kubectl(['rollout', 'status', 'deployment/landbridge-bridge', ...inSystem, '--timeout=120s']);
      },
      { afterMs: 8000 },
    );
    expect(failuresOf(shots)).to.deep.equal([]);
  });
});
