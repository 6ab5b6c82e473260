import { expect } from 'chai';
import { pino } from 'pino';
import type { HeldMeshService } from '../../../../operator/world/held-mesh-service.ts';
import { verifyInTurns } from '../../../../operator/reconcile/verification.ts';
import { aMeshService } from '../../../support/builders.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';

const held = (name: string, conditions: [type: string, status: string, reason: string][], spec: object = {}) => {
  const meshService = aMeshService(name, spec);
  const status = { conditions: conditions.map(([type, is, reason]) => ({ type, status: is, reason })) };
  return { metadata: meshService.metadata, meshService, status } as unknown as HeldMeshService;
};

const GOOD: [string, string, string][] = [
  ['Ready', 'True', 'AllInstancesReady'],
  ['Synced', 'True', 'Synced'],
];

/** MeshServices whose period is 30 s, each remembered, on a clock that stands still. */
function scene(meshServices: Record<string, HeldMeshService>) {
  const clock = fakeClock();
  const stop = new AbortController();
  const memories = new Map(Object.keys(meshServices).map((key) => [key, {}]));
  const seen = { surveys: 0, walks: [] as string[], looks: [] as string[], secrets: [] as string[] };
  const lost: string[] = [];
  let differing: string[] | Error = [];
  verifyInTurns({
    meshServices: { keys: () => Object.keys(meshServices), get: (key) => meshServices[key] },
    survey: async () => {
      seen.surveys++;
      if (differing instanceof Error) throw differing;
      return differing;
    },
    nodeOf: (key) => key,
    catalog: { doubt: (node) => void memories.delete(node), memories: () => memories },
    surroundings: { doubt: (key) => void seen.looks.push(key) },
    sidecarSecrets: { doubt: (_namespace, name) => void seen.secrets.push(name), prove: async () => lost.splice(0) },
    walk: (key) => {
      seen.walks.push(key);
      memories.set(key, {});
    },
    verifyMs: 30_000,
    clock,
    random: () => 0.5,
    signal: stop.signal,
    log: pino({ enabled: false }),
  });
  return {
    clock,
    stop,
    seen,
    memories,
    loses: (key: string) => lost.push(key),
    differs: (what: string[] | Error) => (differing = what),
  };
}

const PERIOD_MS = 30_000 * 0.925;
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, held(`s${i}`, GOOD)]));

describe('verification', () => {
  it('walks those whose token Consul has lost, but no gateway, which has walks of its own', async () => {
    const { clock, stop, seen, loses } = scene(many(3));
    loses('s2');
    loses('landbridge/landbridge-gateway');
    await clock.advance(PERIOD_MS);
    expect(seen.walks).to.include('s2').and.not.include('landbridge/landbridge-gateway');
    stop.abort();
  });

  it('makes one survey a period, and walks what differs alone', async () => {
    const { clock, stop, seen, differs } = scene(many(3));
    differs(['s2']);
    await clock.advance(PERIOD_MS);
    // s1 is in its turn of the slow round.
    expect([seen.surveys, seen.walks]).to.deep.equal([1, ['s2', 's1']]);
    stop.abort();
  });

  it('reads every one for itself once in twenty periods', async () => {
    const { clock, stop, seen } = scene(many(45));
    await clock.advance(20 * PERIOD_MS);
    expect(seen.surveys).to.equal(20);
    expect([...seen.walks].sort()).to.deep.equal(Object.keys(many(45)).sort());
    expect(seen.secrets).to.have.length(45);
    stop.abort();
  });

  it('begins a few walks of the slow round at a time, and all of a period before the next survey', async () => {
    const { clock, stop, seen } = scene(many(1000));
    await clock.advance(PERIOD_MS);
    let [before, most] = [0, 0];
    for (let ms = 0; ms < 0.8 * 30_000; ms += 100) {
      most = Math.max(most, seen.walks.length - before);
      before = seen.walks.length;
      await clock.advance(100);
    }
    expect(seen.surveys).to.equal(1);
    expect(new Set(seen.walks).size).to.equal(50);
    expect(most).to.equal(4);
    stop.abort();
  });

  it('walks at once what nothing is remembered of', async () => {
    const { clock, stop, seen, memories } = scene(many(3));
    memories.delete('s0');
    await clock.advance(PERIOD_MS);
    expect(seen.walks[0]).to.equal('s0');
    stop.abort();
  });

  it('looks each period at what is not in order, and not at one with a port that merely has no pods', async () => {
    const { clock, stop, seen } = scene({
      first: held('first', GOOD),
      second: held('second', GOOD),
      empty: held('empty', [['Ready', 'False', 'NoInstances']]),
      portless: held('portless', [['Ready', 'False', 'NoInstances']], { port: undefined }),
      uninjected: held('uninjected', [...GOOD, ['Injected', 'False', 'PodsWithoutSidecar']]),
      partly: held('partly', [['Ready', 'True', 'SomeInstancesNotReady']]),
    });
    // Past the turns of all.
    await clock.advance(6 * PERIOD_MS);
    seen.walks.length = seen.secrets.length = 0;
    await clock.advance(PERIOD_MS);
    expect(seen.walks).to.deep.equal(['portless', 'uninjected', 'partly']);
    expect(seen.secrets).to.deep.equal(['portless', 'uninjected', 'partly']);
    stop.abort();
  });

  it('counts off-cluster instances every ten seconds, without doubting a Secret', async () => {
    const { clock, stop, seen } = scene({
      inside: held('inside', GOOD),
      outside: held('outside', GOOD, { workloads: { external: { sites: ['rack-1'] } } }),
    });
    await clock.advance(20_000);
    expect(seen.looks).to.deep.equal(['outside', 'outside']);
    expect(seen.secrets).to.deep.equal([]);
    stop.abort();
  });

  const onMachines = { workloads: { external: { sites: ['rack-1'] } } };

  it('counts instances on machines again after two seconds while one is not ready, or none has come', async () => {
    const partly = held('partly', GOOD, onMachines);
    partly.status!.instances = { external: { ready: 1, total: 2 } };
    const { clock, stop, seen } = scene({
      partly,
      whole: held('whole', GOOD, onMachines),
      none: held('none', [['Ready', 'False', 'NoInstances']], onMachines),
      inside: held('inside', [['Ready', 'False', 'NoInstances']]),
    });
    await clock.advance(2000);
    expect(seen.looks).to.deep.equal(['partly', 'none']);
    expect(seen.walks).to.deep.equal(['partly', 'none']);
    stop.abort();
  });

  it('lets many that are not ready take turns, twenty at a time', async () => {
    const down = (name: string) => held(name, [['Ready', 'False', 'NoReadyInstances']], onMachines);
    const names = Array.from({ length: 50 }, (_, index) => `s${index}`);
    const { clock, stop, seen } = scene(Object.fromEntries(names.map((name) => [name, down(name)])));
    await clock.advance(2000);
    expect(seen.looks).to.have.length(20);
    await clock.advance(4000);
    expect(seen.looks).to.have.length(60);
    expect([...new Set(seen.looks)].sort()).to.deep.equal(names.sort());
    stop.abort();
  });

  it('goes on after a survey that failed', async () => {
    const { clock, stop, seen, differs } = scene(many(1));
    differs(new Error('Consul is away'));
    await clock.advance(PERIOD_MS);
    differs(['s0']);
    await clock.advance(PERIOD_MS);
    expect(seen.walks).to.deep.equal(['s0']);
    stop.abort();
  });
});
