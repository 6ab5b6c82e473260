import { expect } from 'chai';
import pino from 'pino';
import { type Tenure, createTenure } from '../../../../bridge/standby/tenure.ts';
import type { Consul } from '../../../../clients/consul/consul.ts';
import { type FakeConsul, fakeConsul } from '../../../support/fake-consul/fake-consul.ts';
import { fakeClock } from '../fake-clock.ts';

const log = pino({ level: 'silent' });

describe('the tenure of a bridge', () => {
  let fake: FakeConsul;
  let consul: Consul;
  let ended: string[];
  const tenure = (id: string, pod = id): Tenure =>
    createTenure({
      consul,
      id,
      pod,
      address: () => `${pod}:8443`,
      clock: fakeClock(),
      log,
      onLost: () => void ended.push(id),
    });
  const sessionOf = async (): Promise<string> => (await consul.kvGet('landbridge/bridge'))!.session!;

  beforeEach(() => {
    fake = fakeConsul();
    consul = fake.consul;
    ended = [];
  });

  it('is one at a time: the second stands by and knows where the first listens', async () => {
    const [first, second] = [tenure('one'), tenure('two')];
    expect(await first.claim()).to.equal(true);
    expect(await second.claim()).to.equal(false);
    expect(second.leader()).to.equal('one:8443');
    expect(first.leader()).to.equal(undefined);
    expect([await first.holds(), ended]).to.deep.equal([true, []]);
  });

  it('goes on to the next as soon as it is released', async () => {
    const [first, second] = [tenure('one'), tenure('two')];
    await first.claim();
    await first.release();
    expect(await second.claim()).to.equal(true);
    expect(second.leader()).to.equal(undefined);
  });

  it('goes on to the next when the session has run out, and the one before ends at its next look', async () => {
    const [first, second] = [tenure('one'), tenure('two')];
    await first.claim();
    await consul.destroySession(await sessionOf());
    expect(await second.claim()).to.equal(true);
    expect([await first.holds(), await first.holds()]).to.deep.equal([false, false]);
    expect(ended).to.deep.equal(['one']);
    expect(await second.holds()).to.equal(true);
  });

  it('goes at once to a new process of the same pod', async () => {
    const [first, next] = [tenure('one', 'pod-a'), tenure('two', 'pod-a')];
    await first.claim();
    expect(await next.claim()).to.equal(true);
    expect(await first.holds()).to.equal(false);
  });

  it('takes the lock from a bridge of an earlier version, which knew no session', async () => {
    await consul.kvCas('landbridge/bridge', '1b4e28ba-2fa1-11d2-883f-0016d3cca427', 0);
    expect(await tenure('one').claim()).to.equal(true);
  });

  it('is believed while Consul does not answer', async () => {
    const first = tenure('one');
    await first.claim();
    fake.available = false;
    expect(await first.holds()).to.equal(true);
  });
});
