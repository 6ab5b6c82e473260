import { expect } from 'chai';
import type { KubeClient } from '../../../../../clients/kube/client.ts';
import { systemClock } from '../../../../../base/clock.ts';
import { elect, type ElectionOptions } from '../../../../../clients/kube/leading/elect.ts';
import type { LeaseSpec } from '../../../../../clients/kube/leading/lease-decision.ts';
import { leases } from '../../../../../clients/kube/resources.ts';
import { startFakeKube, type FakeKube } from '../../../../support/fake-kube/fake-kube.ts';
import { until } from '../scripted-server.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

describe('leader election', () => {
  let kube: FakeKube;
  let history: string[];
  const stops: { abort(): void; ended: Promise<unknown> }[] = [];

  beforeEach(async () => {
    kube = await startFakeKube();
    history = [];
  });
  afterEach(async () => {
    kube.intercept = undefined;
    for (const { abort, ended } of stops.splice(0)) {
      abort();
      await ended.catch(() => undefined);
    }
    await kube.stop();
  });

  function join(identity: string, more: Partial<ElectionOptions> = {}) {
    const stop = new AbortController();
    const ended = elect({
      client: kube.client,
      namespace: 'default',
      name: 'operator',
      identity,
      leaseDurationMs: 1000,
      renewDeadlineMs: 300,
      retryMs: 25,
      onStartedLeading: () => void history.push(`${identity} leads`),
      onStoppedLeading: () => void history.push(`${identity} stopped`),
      signal: stop.signal,
      log: silent,
      ...more,
    });
    ended.catch(() => undefined);
    const candidate = { ended, abort: () => stop.abort() };
    stops.push(candidate);
    return candidate;
  }

  const spec = async () => (await kube.client.get(leases, 'operator', 'default'))?.['spec'] as LeaseSpec | undefined;
  const leaderIs = (identity: string) =>
    until(`${identity} leads`, () => history.includes(`${identity} leads`), 10_000);

  it('makes the lease, leads, renews, and releases it when stopped', async () => {
    const a = join('a');
    await leaderIs('a');
    const first = await spec();
    await until('it has renewed', () => kube.requests.filter(({ method }) => method === 'PUT').length >= 3);
    expect(await spec()).to.include({ holderIdentity: 'a', leaseTransitions: 0, acquireTime: first?.acquireTime });
    a.abort();
    await a.ended;
    expect(history).to.deep.equal(['a leads', 'a stopped']);
    expect((await spec())?.holderIdentity).to.equal('');
  });

  it('hands over when the leader releases, without waiting for the lease to run out', async () => {
    // Ten minutes: a test that waits for it fails by the deadline.
    const a = join('a', { leaseDurationMs: 600_000 });
    await leaderIs('a');
    join('b');
    await until('b has looked', () => kube.requests.filter(({ method }) => method === 'GET').length >= 3);
    a.abort();
    await leaderIs('b');
    expect(history).to.deep.equal(['a leads', 'a stopped', 'b leads']);
    expect((await spec())?.leaseTransitions).to.equal(1);
  }).timeout(30_000);

  it('does not release before the work of the leader has settled', async () => {
    let finish: (() => void) | undefined;
    const a = join('a', {
      onStartedLeading: (signal) => {
        history.push('a leads');
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            finish = () => {
              history.push('a finished');
              resolve();
            };
          });
        });
      },
    });
    await leaderIs('a');
    a.abort();
    const finishNow = await until('it was told to stop', () => finish);
    expect((await spec())?.holderIdentity).to.equal('a');
    finishNow();
    await a.ended;
    expect(history).to.deep.equal(['a leads', 'a finished', 'a stopped']);
    expect((await spec())?.holderIdentity).to.equal('');
  });

  it('stops leading when it cannot renew, before another takes over, and leads again after that one', async () => {
    let cut = false;
    // Only the network of `a`: nothing it asks is answered.
    const request: KubeClient['request'] = async (method, path, options) => {
      if (!cut) return kube.client.request(method, path, options);
      await systemClock.wait(Math.min(options?.timeoutMs ?? 300, 300), options?.signal ?? new AbortController().signal);
      throw new Error('no answer');
    };
    join('a', { client: { request } });
    await leaderIs('a');
    const b = join('b');
    await until('b has looked', () => kube.requests.some(({ method }) => method === 'GET'));
    cut = true;
    await leaderIs('b');
    expect(history).to.deep.equal(['a leads', 'a stopped', 'b leads']);
    cut = false;
    b.abort();
    await until('a leads again', () => history.filter((line) => line === 'a leads').length === 2);
    expect(history).to.deep.equal(['a leads', 'a stopped', 'b leads', 'b stopped', 'a leads']);
  }).timeout(30_000);

  it('goes on leading when somebody touches the lease without taking it', async () => {
    join('a');
    await leaderIs('a');
    await kube.client.patchMerge(leases, 'operator', 'default', { metadata: { labels: { touched: 'yes' } } });
    const before = kube.requests.length;
    await until(
      'it has renewed',
      () => kube.requests.slice(before).filter(({ method }) => method === 'PUT').length >= 3,
    );
    expect(history).to.deep.equal(['a leads']);
  });

  it('stops at once when another holds the lease', async () => {
    join('a');
    await leaderIs('a');
    await kube.client.patchMerge(leases, 'operator', 'default', {
      spec: { holderIdentity: 'thief', leaseDurationSeconds: 60 },
    });
    await until('a stopped', () => history.includes('a stopped'));
    expect((await spec())?.holderIdentity).to.equal('thief');
  });

  it('survives an API server that fails', async () => {
    let failures = 0;
    kube.intercept = () => (failures++ < 5 ? { code: 500, reason: 'InternalError' } : undefined);
    join('a');
    await leaderIs('a');
    expect(failures).to.be.greaterThan(5);
  });

  it('ends with the error of the work, having released', async () => {
    const a = join('a', { onStartedLeading: () => Promise.reject(new Error('a bug')) });
    const error = await a.ended.catch((reason: unknown) => reason as Error);
    expect(error).to.include({ message: 'a bug' });
    expect((await spec())?.holderIdentity).to.equal('');
  });

  it('refuses a deadline that is not below the duration', async () => {
    const a = join('a', { renewDeadlineMs: 1000 });
    expect(await a.ended.catch((reason: unknown) => reason)).to.be.instanceOf(RangeError);
  });
});
