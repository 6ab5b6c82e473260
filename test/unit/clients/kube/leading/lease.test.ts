import { expect } from 'chai';
import type { Clock } from '../../../../../base/clock.ts';
import { openLease, type LeaseHandle } from '../../../../../clients/kube/leading/lease.ts';
import type { LeaseSpec } from '../../../../../clients/kube/leading/lease-decision.ts';
import { leases } from '../../../../../clients/kube/resources.ts';
import { startFakeKube, type FakeKube } from '../../../../support/fake-kube/fake-kube.ts';

const call = 5000;

describe('lease', () => {
  let kube: FakeKube;
  let steadyMs: number;
  const clock: Pick<Clock, 'now' | 'steady'> = {
    now: () => Date.parse('2026-05-05T05:05:05Z') + steadyMs,
    steady: () => steadyMs,
  };

  beforeEach(async () => {
    kube = await startFakeKube();
    steadyMs = 1000;
  });
  afterEach(() => kube.stop());

  function handle(identity: string): LeaseHandle {
    return openLease({ client: kube.client, namespace: 'default', name: 'l', identity, durationMs: 15_000, clock });
  }

  const heldBy = async () => ((await kube.client.get(leases, 'l', 'default'))?.['spec'] as LeaseSpec).holderIdentity;
  const putSpec = (spec: LeaseSpec) =>
    kube.client.apply(leases, { metadata: { name: 'l', namespace: 'default' }, spec });

  it('takes over from a holder that vanished, once it has itself seen the lease unchanged for its duration', async () => {
    await putSpec({ holderIdentity: 'gone', leaseDurationSeconds: 15, renewTime: '1999-01-01T00:00:00.000000Z' });
    const b = handle('b');
    expect(await b.attempt(call)).to.deep.equal({ held: false, holder: 'gone', forMs: 15_000 });
    steadyMs += 14_999;
    expect(await b.attempt(call)).to.deep.equal({ held: false, holder: 'gone', forMs: 1 });
    steadyMs += 1;
    expect(await b.attempt(call)).to.deep.equal({ held: true, sinceMs: steadyMs });
    expect(await heldBy()).to.equal('b');
  });

  it('stays away as long as the holder renews, however wrong its clock', async () => {
    const b = handle('b');
    for (let turn = 0; turn < 5; turn++) {
      await putSpec({ holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: `1999-01-01T00:00:0${turn}.000000Z` });
      expect(await b.attempt(call)).to.deep.equal({ held: false, holder: 'a', forMs: 15_000 });
      steadyMs += 14_000;
    }
  });

  it('is not renewed by somebody who only touches the object', async () => {
    await putSpec({ holderIdentity: 'gone', leaseDurationSeconds: 15 });
    const b = handle('b');
    await b.attempt(call);
    steadyMs += 15_000;
    await kube.client.patchMerge(leases, 'l', 'default', { metadata: { labels: { touched: 'yes' } } });
    expect(await b.attempt(call)).to.include({ held: true });
  });

  it('goes to exactly one of those who try at once', async () => {
    const handles = Array.from({ length: 8 }, (_, turn) => handle(`candidate-${turn}`));
    const attempts = await Promise.all(handles.map((one) => one.attempt(call)));
    expect(attempts.filter((attempt) => attempt.held)).to.have.length(1);
    steadyMs += 15_000;
    const again = await Promise.all(handles.map((one) => one.attempt(call)));
    expect(again.filter((attempt) => attempt.held)).to.have.length(1);
  });

  it('counts from before its write was sent', async () => {
    kube.intercept = ({ method }) => {
      if (method === 'POST') steadyMs += 700;
      return undefined;
    };
    expect(await handle('a').attempt(call)).to.deep.equal({ held: true, sinceMs: 1000 });
  });

  it('renews with one request', async () => {
    const a = handle('a');
    await a.attempt(call);
    kube.requests.length = 0;
    await a.attempt(call);
    expect(kube.requests.map(({ method }) => method)).to.deep.equal(['PUT']);
  });

  it('finds out that it holds the lease although the answer to its write was lost', async () => {
    const a = handle('a');
    await a.attempt(call);
    kube.intercept = ({ method }) => (method === 'PUT' ? 'reset' : undefined);
    const lost = await a.attempt(call).catch((error: Error) => error.name);
    expect(lost).to.equal('KubeError');
    kube.intercept = undefined;
    expect(await a.attempt(call)).to.include({ held: true });
  });

  it('releases what it holds and leaves alone what another holds', async () => {
    const [a, b] = [handle('a'), handle('b')];
    await a.attempt(call);
    await b.release(call);
    expect(await heldBy()).to.equal('a');
    await a.release(call);
    expect(await heldBy()).to.equal('');
    expect(await b.attempt(call)).to.include({ held: true });
  });
});
