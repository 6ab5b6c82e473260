import { expect } from 'chai';
import type { PodFacts } from '../../../mesh/service/pod.ts';
import { aPodFacts } from '../../support/builders.ts';
import { refusing, scene } from './proxy-scene.ts';

describe('the refusals of proxies that are gone', () => {
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

    it('asks one that is listed and out of reach less and less often, and hears it when it is back', async () => {
      const { clock, stop, watch, counters, names, looked } = await refusedBy([edge('edge-1')]);
      counters.set('edge-1', 'away');
      for (let i = 0; i < 360; i += 1) await clock.advance(10_000);
      // 5 s without an end would be 720 looks; the slow round is 6 of these.
      expect(looked.filter((name) => name === 'edge-1').length).to.be.within(10, 30);
      expect(names('shop/web')).to.deep.equal(['gateway pod edge-1']);
      counters.set('edge-1', refusing(1, 900));
      for (let i = 0; i < 33 && names('shop/web').length > 0; i += 1) await clock.advance(10_000);
      expect(names('shop/web'), 'the update was taken').to.deep.equal([]);
      looked.length = 0;
      counters.set('edge-1', refusing(2));
      watch.changed(['web']);
      await clock.advance(30_000);
      expect(looked.length, 'as often as ever').to.be.at.least(5);
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
});
