import { expect } from 'chai';
import { watchReachability } from '../../../../clients/consul/reachability.ts';
import { ConsulRefused, ConsulUnavailable } from '../../../../clients/consul/errors.ts';
import type { ConsulReply, Transport } from '../../../../clients/consul/transport.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';

const REPLY: ConsulReply = { status: 200, body: '127.0.0.1:8300', index: undefined, filtered: false, anonymous: false };

function scene() {
  const clock = fakeClock();
  const stop = new AbortController();
  const seen = { sent: [] as string[], told: [] as string[] };
  let failure: Error | undefined;
  const inner: Transport = {
    async send({ path }) {
      seen.sent.push(path);
      if (failure !== undefined) throw failure;
      return REPLY;
    },
    close: () => undefined,
  };
  const reachability = watchReachability(inner, {
    onAway: () => void seen.told.push('away'),
    onReturn: () => void seen.told.push('back'),
    clock,
    random: () => 1,
    signal: stop.signal,
  });
  const ask = (): Promise<string> =>
    reachability.transport.send({ method: 'GET', path: '/x' }).then(
      () => 'answered',
      (error: Error) => error.name,
    );
  return { clock, stop, seen, reachability, ask, fail: (error: Error | undefined) => (failure = error) };
}

describe('the reachability of Consul', () => {
  it('asks by one probe for all while Consul is away, and tells when it is back', async () => {
    const { clock, stop, seen, reachability, ask, fail } = scene();
    fail(new ConsulUnavailable('nobody listens'));
    expect(await ask()).to.equal('ConsulUnavailable');
    expect(reachability.away).to.equal(true);
    for (let turn = 0; turn < 100; turn++) expect(await ask()).to.equal('ConsulUnavailable');
    expect(seen.sent, 'nothing but the first').to.deep.equal(['/x']);
    await clock.advance(60_000);
    // 0.2, 0.4, 0.8 s, and each second after that.
    expect(seen.sent.length).to.be.within(55, 65);
    expect(new Set(seen.sent.slice(1))).to.deep.equal(new Set(['/status/leader']));
    fail(undefined);
    await clock.advance(1000);
    expect([reachability.away, seen.told]).to.deep.equal([false, ['away', 'back']]);
    expect(await ask()).to.equal('answered');
    stop.abort();
  });

  it('takes a refusal for an answer', async () => {
    const { stop, seen, reachability, ask, fail } = scene();
    fail(new ConsulRefused('no', 400));
    expect(await ask()).to.equal('ConsulRefused');
    expect([reachability.away, seen.told]).to.deep.equal([false, []]);
    stop.abort();
  });

  it('waits longer each time while it answers probes and nothing else', async () => {
    const { clock, stop, seen, ask, fail } = scene();
    for (const pauseMs of [200, 400, 800, 1000]) {
      fail(new ConsulUnavailable('rate limit'));
      await ask();
      fail(undefined);
      const before = seen.told.length;
      await clock.advance(pauseMs - 1);
      expect(seen.told, `not before ${pauseMs} ms`).to.have.length(before);
      await clock.advance(1);
      expect(seen.told.at(-1)).to.equal('back');
    }
    stop.abort();
  });

  it('starts with a short pause again once it was back for long', async () => {
    const { clock, stop, seen, ask, fail } = scene();
    fail(new ConsulUnavailable('gone'));
    await ask();
    await clock.advance(10_000);
    fail(undefined);
    await clock.advance(31_000);
    fail(new ConsulUnavailable('gone'));
    await ask();
    fail(undefined);
    await clock.advance(200);
    expect(seen.told).to.deep.equal(['away', 'back', 'away', 'back']);
    stop.abort();
  });
});
