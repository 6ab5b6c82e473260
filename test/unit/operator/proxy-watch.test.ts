import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import type { PodFacts } from '../../../mesh/pod.ts';
import { type ProxyCounters } from '../../../mesh/proxies/counters.ts';
import type { HeldMeshService } from '../../../operator/held-mesh-service.ts';
import { watchProxies } from '../../../operator/proxy-watch.ts';
import type { World } from '../../../operator/world.ts';
import { aMeshService, aPodFacts } from '../../support/builders.ts';
import { fakeClock } from '../bridge/fake-clock.ts';

const WELL: ProxyCounters = { updates: [], connects: 0, connectFails: 0, probe: undefined };
const refusing = (rejected: number, acceptedAtMs = 1): ProxyCounters => ({
  ...WELL,
  updates: [{ subscription: 'http_web_rds_web', kind: 'route', rejected, acceptedAtMs }],
});

/** `web`, and `caller` that calls it; the counters of each pod are set by the test. */
function scene(options: { gateways?: PodFacts[]; pods?: number } = {}) {
  const clock = fakeClock();
  const stop = new AbortController();
  const services = new Map<string, HeldMeshService>();
  const declare = (name: string, spec: Partial<MeshServiceSpecInput> = {}): void => {
    const meshService = aMeshService(name, spec);
    const { metadata } = meshService;
    services.set(`shop/${name}`, { metadata, meshService, invalid: undefined, status: undefined, formerServices: [] });
  };
  declare('web', { protocol: 'http', expose: { hosts: ['web.example'] } as never });
  declare('caller', { upstreams: [{ service: 'web', localPort: 9191 }] });
  declare('other');
  const pods = new Map<string, PodFacts>();
  for (const meshService of ['web', 'caller', 'other'])
    for (let i = 0; i < (options.pods ?? 1); i += 1)
      pods.set(
        `shop/${meshService}-${i}`,
        aPodFacts(`${meshService}-${i}`, { meshService, labels: { app: meshService } }),
      );
  const all = () => [...services.values()];
  const world = {
    meshServices: {
      get: (key: string) => services.get(key),
      keys: () => [...services.keys()],
      by: (index: string, name: string) =>
        all().filter(({ meshService }) =>
          index === 'service'
            ? meshService?.metadata.name === name
            : index === 'calls' && meshService?.spec.upstreams.some(({ service }) => service === name),
        ),
    },
    pods: {
      get: (key: string) => pods.get(key),
      keys: () => [...pods.keys()],
      by: (_: string, key: string) => [...pods.values()].filter((pod) => `${pod.namespace}/${pod.meshService}` === key),
    },
  } as unknown as Pick<World, 'meshServices' | 'pods'>;
  const counters = new Map<string, ProxyCounters | 'away'>();
  const listing = { fails: false };
  /** What happens while a pod is asked. */
  const during = new Map<string, () => void>();
  const looked: string[] = [];
  const read: string[] = [];
  const changed: string[] = [];
  let words = 'bad value';
  const watch = watchProxies({
    world,
    async gatewayPods() {
      if (listing.fails) throw new Error('no answer');
      return options.gateways ?? [];
    },
    async readCounters({ name }) {
      looked.push(name);
      during.get(name)?.();
      const found = counters.get(name) ?? WELL;
      if (found === 'away') throw new Error('no answer');
      return found;
    },
    async readWords({ name }) {
      read.push(name);
      return [{ kind: 'route', words, atMs: 100 }];
    },
    onChange: (key) => void changed.push(key),
    clock,
    signal: stop.signal,
  });
  const names = (key: string): string[] => watch.seen(key).refusing.map(({ proxy }) => proxy);
  return {
    services,
    declare,
    clock,
    stop,
    watch,
    counters,
    looked,
    read,
    changed,
    names,
    pods,
    listing,
    during,
    say: (text: string) => void (words = text),
  };
}

describe('how the operator looks at proxies', () => {
  it('after a change looks twice at the sidecars of the service and of its callers, and at no others', async () => {
    const { clock, stop, watch, looked } = scene();
    watch.changed(['web']);
    await clock.advance(2500);
    expect(looked.splice(0).sort()).to.deep.equal(['caller-0', 'web-0']);
    await clock.advance(3500);
    expect(
      looked
        .splice(0)
        .filter((name) => name !== 'other-0')
        .sort(),
    ).to.include.members(['caller-0', 'web-0']);
    stop.abort();
  });

  it('shows a refusal of a caller with both services, reads the log once, and ends it', async () => {
    const { clock, stop, watch, counters, read, changed, names } = scene();
    counters.set('caller-0', refusing(1));
    watch.changed(['web']);
    await clock.advance(2500);
    expect([names('shop/web'), names('shop/caller'), names('shop/other')]).to.deep.equal([
      ['pod caller-0'],
      ['pod caller-0'],
      [],
    ]);
    expect(changed).to.include.members(['shop/web', 'shop/caller']);
    await clock.advance(20_000);
    expect(read, 'only when the counter has risen').to.deep.equal(['caller-0']);
    counters.set('caller-0', refusing(1, 200));
    await clock.advance(6000);
    expect(names('shop/web')).to.deep.equal([]);
    stop.abort();
  });

  it('ends a refusal that a later change has taken back although no counter moves', async () => {
    const { clock, stop, watch, counters, names } = scene();
    counters.set('caller-0', refusing(1));
    watch.changed(['web']);
    await clock.advance(9000);
    expect(names('shop/web')).to.deep.equal(['pod caller-0']);
    watch.changed(['other']);
    await clock.advance(9000);
    expect(names('shop/web'), 'a change of something else').to.deep.equal(['pod caller-0']);
    watch.changed(['web']);
    await clock.advance(9000);
    expect(names('shop/web')).to.deep.equal([]);
    stop.abort();
  });

  it('looks at the gateways after a change, and shows what they refuse with the services that they serve', async () => {
    const gateway = aPodFacts('edge-7c', { namespace: 'landbridge', meshService: '', labels: {} });
    const { clock, stop, watch, counters, names } = scene({ gateways: [gateway] });
    counters.set('edge-7c', refusing(1));
    watch.changed(['web']);
    await clock.advance(3000);
    expect([names('shop/web'), names('shop/other')]).to.deep.equal([['gateway pod edge-7c'], []]);
    stop.abort();
  });

  it('is not held up by sidecars that do not answer, and says nothing of them', async () => {
    const { clock, stop, watch, counters } = scene();
    counters.set('web-0', 'away');
    watch.changed(['web']);
    await clock.advance(3000);
    expect(watch.seen('shop/web')).to.deep.equal({ known: false, refusing: [], silent: [] });
    stop.abort();
  });

  it('without any change looks at each of 300 pods once in the first minute, and then once in ten', async () => {
    const { clock, stop, looked } = scene({ pods: 100 });
    for (let i = 0; i < 65; i += 1) await clock.advance(1000);
    expect(looked.length).to.be.within(300, 330);
    expect(new Set(looked).size).to.equal(300);
    looked.length = 0;
    for (let i = 0; i < 300; i += 1) await clock.advance(1000);
    expect(looked.length).to.be.within(130, 180);
    stop.abort();
  });

  it('shows what a machine refuses also when its MeshService is made after the report', async () => {
    const { clock, stop, watch, names, declare } = scene();
    const refusal = { subscription: 'listener_manager_lds', kind: 'listener' as const, rejected: 1, words: 'no' };
    const at = new Date(clock.now()).toISOString();
    const proxies = [{ id: 'far-vm1-7001', service: 'far', refusals: [refusal] }];
    watch.machines([{ site: 'rack-1', host: 'vm1', at, heardAt: at, proxies }]);
    declare('far', { workloads: { external: { sites: ['rack-1'] } } });
    watch.touched('shop/far');
    await clock.advance(500);
    expect(names('shop/far')).to.deep.equal(['far-vm1-7001 on machine rack-1/vm1']);
    watch.machines([]);
    expect(watch.seen('shop/far')).to.deep.equal({ known: true, refusing: [], silent: [] });
    stop.abort();
  });

  it('shows what a machine refuses with the MeshService that holds the name, and with no other that wants it', async () => {
    const { stop, watch, names, services, declare } = scene();
    declare('far', { workloads: { external: { sites: ['rack-1'] } } });
    const holder = services.get('shop/far')!;
    const metadata = { ...holder.metadata, namespace: 'evil' };
    services.delete('shop/far');
    services.set('evil/far', { ...holder, metadata, meshService: { ...holder.meshService!, metadata } });
    services.set('shop/far', { ...holder, status: { consul: { service: 'far', node: 'n' } } });
    const refusal = { subscription: 'listener_manager_lds', kind: 'listener' as const, rejected: 1, words: 'no' };
    const at = '2026-11-30T12:00:00Z';
    const proxies = [{ id: 'far-vm1-7001', service: 'far', refusals: [refusal] }];
    watch.machines([{ site: 'rack-1', host: 'vm1', at, heardAt: at, proxies }]);
    expect([names('shop/far'), names('evil/far')]).to.deep.equal([['far-vm1-7001 on machine rack-1/vm1'], []]);
    stop.abort();
  });

  it('believes a condition of an operator before it that a refusal is over, and not its own', async () => {
    for (const [sinceMs, expected] of [
      [-1000, []],
      [1000, ['pod caller-0']],
    ] as const) {
      const { clock, stop, watch, counters, names, services } = scene();
      const lastTransitionTime = new Date(clock.now() + sinceMs).toISOString();
      const held = services.get('shop/caller')!;
      const condition = {
        type: 'ProxiesAccept',
        status: 'True',
        reason: 'ProxiesAccept',
        message: '',
        lastTransitionTime,
      };
      services.set('shop/caller', { ...held, status: { conditions: [condition] } as never });
      counters.set('caller-0', refusing(1));
      watch.changed(['web']);
      await clock.advance(2500);
      expect(names('shop/web')).to.deep.equal(expected);
      stop.abort();
    }
  });

  it('forgets a pod that is gone', async () => {
    const { clock, stop, watch, counters, names, pods } = scene();
    counters.set('caller-0', refusing(1));
    watch.touched('shop/caller');
    watch.changed(['web']);
    await clock.advance(3000);
    expect(names('shop/web')).to.deep.equal(['pod caller-0']);
    pods.delete('shop/caller-0');
    watch.touched('shop/caller');
    await clock.advance(1000);
    expect(names('shop/web')).to.deep.equal([]);
    stop.abort();
  });

  describe('when a gateway pod is replaced', () => {
    const edge = (name: string) => aPodFacts(name, { namespace: 'landbridge', meshService: '', labels: {} });
    const refusedBy = async (gateways: PodFacts[]) => {
      const made = scene({ gateways });
      made.counters.set('edge-1', refusing(1));
      made.watch.changed(['web']);
      await made.clock.advance(3000);
      expect(made.names('shop/web')).to.deep.equal(['gateway pod edge-1']);
      made.looked.length = 0;
      made.changed.length = 0;
      return made;
    };

    it('forgets the pod that is gone without any change in Consul, and looks at the new one', async () => {
      const gateways = [edge('edge-1')];
      const { clock, stop, counters, names, looked, changed } = await refusedBy(gateways);
      gateways.splice(0, 1, edge('edge-2'));
      counters.set('edge-1', 'away');
      await clock.advance(20_000);
      expect(names('shop/web')).to.deep.equal([]);
      expect(changed).to.include('shop/web');
      expect(looked.filter((name) => name === 'edge-1').length, 'an address without a pod').to.be.at.most(2);
      expect(looked).to.include('edge-2');
      stop.abort();
    });

    it('shows what the new pod refuses, also when the old one has refused nothing', async () => {
      const gateways = [edge('edge-1')];
      const { clock, stop, watch, counters, names } = scene({ gateways });
      watch.changed(['web']);
      await clock.advance(61_000);
      gateways.splice(0, 1, edge('edge-2'));
      counters.set('edge-2', refusing(1));
      for (let i = 0; i < 130 && names('shop/web').length === 0; i += 1) await clock.advance(10_000);
      expect(names('shop/web')).to.deep.equal(['gateway pod edge-2']);
      stop.abort();
    });

    it('keeps what it knows while the pods of the gateways cannot be listed', async () => {
      const gateways = [edge('edge-1')];
      const made = await refusedBy(gateways);
      made.listing.fails = true;
      made.counters.set('edge-1', 'away');
      await made.clock.advance(20_000);
      expect(made.names('shop/web')).to.deep.equal(['gateway pod edge-1']);
      made.stop.abort();
    });
  });

  it('tells the services that a pod called that its refusal is gone with it', async () => {
    const { clock, stop, watch, counters, changed, pods } = scene();
    counters.set('caller-0', refusing(1));
    watch.touched('shop/caller');
    watch.changed(['web']);
    await clock.advance(3000);
    changed.length = 0;
    pods.delete('shop/caller-0');
    watch.touched('shop/caller');
    await clock.advance(1000);
    expect(changed).to.include.members(['shop/web', 'shop/caller']);
    stop.abort();
  });

  it('says that a refusal is over when the last pod of its workload is gone, also after a start', async () => {
    const { clock, stop, watch, counters, pods } = scene();
    counters.set('other-0', refusing(1));
    watch.touched('shop/other');
    watch.changed(['other']);
    await clock.advance(3000);
    expect(watch.seen('shop/other')).to.deep.include({ known: true }).and.not.to.have.property('over');
    pods.delete('shop/other-0');
    watch.touched('shop/other');
    await clock.advance(1000);
    expect(watch.seen('shop/other')).to.deep.equal({ known: false, over: true, refusing: [], silent: [] });
    stop.abort();
    const next = scene({ pods: 0 });
    expect(next.watch.seen('shop/other')).to.deep.equal({ known: false, over: true, refusing: [], silent: [] });
    next.stop.abort();
  });

  it('says that a refusal is over when the pod that came after it does not answer yet', async () => {
    const { clock, stop, watch, counters, pods } = scene();
    counters.set('other-0', refusing(1));
    counters.set('other-1', 'away');
    watch.touched('shop/other');
    watch.changed(['other']);
    await clock.advance(3000);
    expect(watch.seen('shop/other').refusing).to.have.length(1);
    pods.delete('shop/other-0');
    pods.set('shop/other-1', aPodFacts('other-1', { meshService: 'other', labels: { app: 'other' } }));
    watch.touched('shop/other');
    await clock.advance(5000);
    expect(watch.seen('shop/other')).to.deep.equal({ known: false, over: true, refusing: [], silent: [] });
    stop.abort();
  });

  it('remembers nothing of a pod that goes while it is asked', async () => {
    const made = scene();
    made.counters.set('caller-0', refusing(1));
    made.during.set('caller-0', () => void made.pods.delete('shop/caller-0'));
    made.watch.changed(['web']);
    await made.clock.advance(2500);
    expect(made.looked).to.include('caller-0');
    expect(made.names('shop/web')).to.deep.equal([]);
    made.stop.abort();
  });

  describe('of a caller in another namespace', () => {
    /** What `shop/web` says of a pod of `evil/caller`, which has it as an upstream. */
    const saidOf = async (options: { access?: { from: string }[]; service?: string; holds?: string }) => {
      const made = scene();
      const spec = { protocol: 'http', expose: { hosts: ['web.example'] } as never } as const;
      made.declare('web', { ...spec, ...(options.access ? { access: options.access } : {}) });
      const upstreams = [{ service: 'web', localPort: 9191 }];
      const meshService = aMeshService('caller', {
        upstreams,
        ...(options.service ? { service: options.service } : {}),
      });
      const metadata = { ...meshService.metadata, namespace: 'evil' };
      const status = options.holds ? { consul: { service: options.holds, node: 'n' } } : undefined;
      const held = { metadata, meshService: { ...meshService, metadata }, invalid: undefined, status };
      made.services.set('evil/caller', { ...held, formerServices: [] } as HeldMeshService);
      const pod = aPodFacts('evil-0', { namespace: 'evil', meshService: 'caller', labels: { app: 'caller' } });
      made.pods.set('evil/evil-0', pod);
      made.counters.set('evil-0', refusing(1));
      made.say('web: call 555-0100 to have it mended');
      made.watch.changed(['web']);
      await made.clock.advance(2500);
      expect(made.looked).to.include('evil-0');
      made.stop.abort();
      expect(made.names('evil/caller'), 'its own MeshService').to.deep.equal(['pod evil-0']);
      return made.names('shop/web');
    };

    it('believes nothing when access does not let it in, or lets in a name that it does not hold', async () => {
      expect(await saidOf({ holds: 'caller' })).to.deep.equal([]);
      expect(await saidOf({ access: [{ from: 'front' }], holds: 'caller' })).to.deep.equal([]);
      expect(await saidOf({ access: [{ from: 'front' }], service: 'front' })).to.deep.equal([]);
      expect(await saidOf({ access: [{ from: 'front' }], service: 'front', holds: 'other' })).to.deep.equal([]);
    });

    it('shows its refusal when access lets in the name that it holds, or everybody', async () => {
      for (const from of ['caller', '*'])
        expect(await saidOf({ access: [{ from }], holds: 'caller' })).to.deep.equal(['pod evil-0']);
    });
  });
});
