import { expect } from 'chai';
import type { Tried } from '../../../../base/try-port.ts';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { type PolicyFacts, policyFacts } from '../../../../mesh/doors/policy.ts';
import type { PodFacts } from '../../../../mesh/service/pod.ts';
import { doorTrials } from '../../../../operator/doors/door-trials.ts';
import type { HeldMeshService } from '../../../../operator/world/held-mesh-service.ts';
import type { World } from '../../../../operator/world/world.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';

const KEY = 'shop/web';

/** `web` with some pods. The test sets how each port answers. */
function scene(spec: Partial<MeshServiceSpecInput> = {}, podNames = ['web-0']) {
  const clock = fakeClock();
  const stop = new AbortController();
  const services = new Map<string, HeldMeshService>();
  const declare = (more: Partial<MeshServiceSpecInput>): void => {
    const meshService = aMeshService('web', more);
    const { metadata } = meshService;
    services.set(KEY, { metadata, meshService, invalid: undefined, status: undefined, formerServices: [] });
  };
  declare(spec);
  const pods = podNames.map((name, index) => aPodFacts(name, { meshService: 'web', ip: `10.0.0.${index}` }));
  const world = {
    meshServices: { get: (key: string) => services.get(key), keys: () => [...services.keys()] },
    pods: { by: (): PodFacts[] => pods },
  } as unknown as Pick<World, 'meshServices' | 'pods'>;
  const tried: string[] = [];
  const ports = new Map<string, Tried>();
  const others: PolicyFacts[] = [];
  let changed = 0;
  let listed = 0;
  const trials = doorTrials({
    world,
    standard: () => 'Strict',
    others: () => others,
    entrances: async () => {
      listed++;
      return {
        services: [{ metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 8080 }] } }],
        ingresses: [],
      };
    },
    tryPort: async (address, port) => {
      tried.push(`${address}:${port}`);
      return ports.get(`${address}:${port}`) ?? (port === 20200 ? 'open' : 'closed');
    },
    onChange: () => void changed++,
    clock,
    signal: stop.signal,
  });
  return {
    clock,
    stop,
    services,
    declare,
    pods,
    tried,
    ports,
    others,
    trials,
    changed: () => changed,
    listed: () => listed,
  };
}

describe('the trial of doors', () => {
  it('looks soon at a pod that is new, though the others were found closed', async () => {
    const { clock, stop, trials, pods, ports } = scene();
    trials.touched(KEY);
    // Past the first round, and far from the next.
    await clock.advance(100_000);
    expect(trials.found(KEY).trial).to.deep.include({ closed: 1, openPods: 0 });
    // Its node enforces nothing: the rules of older pods stay when an engine ends, and new pods get none.
    pods.push(aPodFacts('web-1', { meshService: 'web', ip: '10.0.0.1' }));
    ports.set('10.0.0.1:8080', 'open');
    trials.touched(KEY);
    await clock.advance(15_000);
    expect(trials.found(KEY).trial).to.deep.include({ closed: 1, openPods: 1 });
    stop.abort();
  });

  it('finds a port closed when it does not answer and the sidecar does, and says so once', async () => {
    const { clock, stop, trials, tried, changed } = scene();
    trials.touched(KEY);
    await clock.advance(4000);
    expect(tried).to.deep.equal(['10.0.0.0:20200', '10.0.0.0:8080']);
    expect(trials.found(KEY).trial).to.deep.include({ closed: 1, openPods: 0, ports: [8080] });
    await clock.advance(1_300_000);
    expect(changed()).to.equal(1);
    stop.abort();
  });

  it('tells of an open port when it took a second connection, for a policy takes a moment to reach the nodes', async () => {
    const { clock, stop, trials, ports } = scene();
    ports.set('10.0.0.0:8080', 'open');
    trials.touched(KEY);
    await clock.advance(4000);
    expect(trials.found(KEY).trial.openPods, 'after one connection').to.equal(0);
    await clock.advance(6000);
    expect(trials.found(KEY).trial.open).to.deep.equal([{ pod: 'web-0', node: 'worker', port: 8080 }]);
    stop.abort();
  });

  it('does not tell of a port that was closed at the second try', async () => {
    const { clock, stop, trials, ports } = scene();
    ports.set('10.0.0.0:8080', 'open');
    trials.touched(KEY);
    await clock.advance(4000);
    ports.clear();
    await clock.advance(6000);
    expect(trials.found(KEY).trial).to.deep.include({ openPods: 0, closed: 1 });
    stop.abort();
  });

  it('sees within half a minute that what was open is closed', async () => {
    const { clock, stop, trials, ports } = scene();
    ports.set('10.0.0.0:8080', 'open');
    trials.touched(KEY);
    await clock.advance(10_000);
    expect(trials.found(KEY).trial.openPods).to.equal(1);
    ports.clear();
    await clock.advance(31_000);
    expect(trials.found(KEY).trial).to.deep.include({ openPods: 0, closed: 1 });
    stop.abort();
  });

  it('takes silence for nothing where the sidecar is silent too, or where the fault is its own', async () => {
    for (const [port, what] of [
      ['20200', 'closed'],
      ['8080', 'unknown'],
    ] as const) {
      const { clock, stop, trials, ports } = scene();
      ports.set(`10.0.0.0:${port}`, what);
      trials.touched(KEY);
      await clock.advance(4000);
      expect(trials.found(KEY).trial).to.deep.include({ closed: 0, unreached: 'web-0' });
      stop.abort();
    }
  });

  it('makes few connections at a time, and comes to every pod in the rounds', async () => {
    const { clock, stop, trials, tried } = scene(
      {},
      Array.from({ length: 10 }, (_, index) => `web-${index}`),
    );
    trials.touched(KEY);
    await clock.advance(4000);
    expect(tried).to.have.length(6);
    for (let flip = 0; flip < 1000; flip++) trials.touched(KEY);
    await clock.advance(20_000);
    expect(tried, 'the first round, and no flip of a pod').to.have.length(12);
    await clock.advance(2_400_000);
    expect(new Set(tried.filter((at) => at.endsWith(':8080'))).size).to.equal(10);
    stop.abort();
  });

  it('tries again after a change of a policy', async () => {
    const { clock, stop, trials, others } = scene();
    trials.touched(KEY);
    await clock.advance(4000);
    const spec = { podSelector: {}, ingress: [{}] };
    others.push(policyFacts({ metadata: { name: 'allow-all', namespace: 'shop' }, spec }));
    trials.policyChanged(KEY);
    await clock.advance(4000);
    expect(trials.found(KEY).openers).to.deep.equal([{ policy: 'allow-all', everybody: true, ports: 'every port' }]);
    stop.abort();
  });

  it('makes no connection under Permissive, and looks for ways past the sidecars', async () => {
    const { clock, stop, trials, tried, listed } = scene({ mutualTLS: 'Permissive' });
    trials.touched(KEY);
    await clock.advance(4000);
    expect([tried.length, listed()]).to.deep.equal([0, 1]);
    expect(trials.found(KEY).leads.map(({ name }) => name)).to.deep.equal(['web']);
    stop.abort();
  });

  it('forgets a MeshService that is gone', async () => {
    const { clock, stop, trials, services } = scene();
    trials.touched(KEY);
    await clock.advance(4000);
    services.delete(KEY);
    trials.touched(KEY);
    await clock.advance(1000);
    expect(trials.found(KEY).trial.closed).to.equal(0);
    stop.abort();
  });
});
