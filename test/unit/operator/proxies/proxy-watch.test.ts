import { expect } from 'chai';
import { aPodFacts } from '../../../support/builders.ts';
import { refusing, scene } from '../proxy-scene.ts';

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

  it('takes back a refusal of the first of two changes between two looks', async () => {
    const { clock, stop, watch, counters, names, say } = scene();
    await clock.advance(70_000);
    watch.changed(['web']);
    counters.set('caller-0', refusing(1));
    say('bad value', clock.now() + 300);
    await clock.advance(1200);
    watch.changed(['web']);
    await clock.advance(1000);
    expect(names('shop/web')).to.deep.equal(['pod caller-0']);
    await clock.advance(6000);
    expect(names('shop/web')).to.deep.equal([]);
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

  it('sees within 10 s that calls fail at a port that the MeshService got later, whenever they come', async () => {
    const { clock, stop, watch, counters, declare } = scene();
    const at = (connects: number, connectFails: number) =>
      counters.set('web-0', {
        ...{ updates: [], connects, connectFails },
        probe: { port: 8080, listening: true, tries: 1 },
      });
    at(0, 0);
    declare('web', { port: 8080 });
    watch.touched('shop/web');
    await clock.advance(30_000);
    declare('web', { port: 80 });
    watch.touched('shop/web');
    await clock.advance(120_000);
    expect(watch.seen('shop/web').silent).to.deep.equal([]);
    at(2, 2);
    await clock.advance(11_000);
    expect(watch.seen('shop/web').silent).to.deep.equal([{ instance: 'pod web-0', port: 80, calls: true }]);
    declare('web', { port: 8080 });
    expect(watch.seen('shop/web').silent, 'right after the mending').to.deep.equal([]);
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
});
