import { expect } from 'chai';
import { followConsulAddresses } from '../../../../operator/sidecar-secret/consul-addresses.ts';
import { eventually } from '../../../support/eventually.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const SERVICE = 'landbridge-consul.landbridge.svc';

/** Waits end when the test says so. */
function handClock() {
  const go: (() => void)[] = [];
  return {
    wait: (_ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        go.push(resolve);
        signal.addEventListener('abort', () => resolve());
      }),
    waits: () => go.length > 0,
    tick: () => go.splice(0).forEach((end) => end()),
  };
}

describe('the address of Consul', () => {
  it('is looked up at once and again later, and stays when a later lookup fails', async () => {
    const stop = new AbortController();
    const clock = handClock();
    const answers: (string[] | Error)[] = [['10.96.0.9'], new Error('no answer'), ['fd00::9', '10.96.0.10']];
    let asked = 0;
    const lookup = async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)]!;
      if (answer instanceof Error) throw answer;
      return [...answer];
    };
    const addresses = followConsulAddresses({ host: SERVICE, lookup, clock, signal: stop.signal, log: silent });
    expect(await addresses()).to.deep.equal(['10.96.0.9']);
    for (const expected of [['10.96.0.9'], ['10.96.0.10', 'fd00::9']]) {
      const before = asked;
      await eventually('it waits', 2000, () => Promise.resolve(clock.waits()));
      clock.tick();
      await eventually('it is asked again', 2000, () => Promise.resolve(asked > before));
      await eventually('it waits again', 2000, () => Promise.resolve(clock.waits()));
      expect(await addresses()).to.deep.equal(expected);
    }
    stop.abort();
  });

  it('delays a Secret by two seconds at most, and is empty for a name that is not that of a Service', async () => {
    const stop = new AbortController();
    const clock = handClock();
    const lookup = () => new Promise<string[]>(() => undefined);
    const slow = followConsulAddresses({ host: SERVICE, lookup, clock, signal: stop.signal, log: silent })();
    clock.tick();
    expect(await slow, 'not known').to.equal(undefined);
    for (const host of ['consul.example', '10.0.0.1', 'svc.example'])
      expect(await followConsulAddresses({ host, lookup, clock, signal: stop.signal, log: silent })()).to.deep.equal(
        [],
      );
    stop.abort();
  });

  it('is looked up again with back-off until the first success, and is not known until then', async () => {
    const stop = new AbortController();
    const clock = fakeClock();
    const askedMs: number[] = [];
    const lookup = async () => {
      askedMs.push(clock.steady() - 1_000_000);
      if (askedMs.length < 5) throw new Error('no answer');
      return ['10.96.0.9'];
    };
    const addresses = followConsulAddresses({ host: SERVICE, lookup, clock, signal: stop.signal, log: silent });
    expect(await addresses()).to.equal(undefined);
    await clock.advance(14_000);
    expect(await addresses()).to.equal(undefined);
    await clock.advance(1000);
    expect(await addresses()).to.deep.equal(['10.96.0.9']);
    expect(askedMs).to.deep.equal([0, 1000, 3000, 7000, 15_000]);
    await clock.advance(599_000);
    expect(askedMs.length, 'before ten minutes').to.equal(5);
    await clock.advance(1000);
    expect(askedMs.length).to.equal(6);
    stop.abort();
  });

  it('is looked up at least once a minute while no lookup has succeeded', async () => {
    const stop = new AbortController();
    const clock = fakeClock();
    let asked = 0;
    const lookup = async () => {
      asked += 1;
      throw new Error('no answer');
    };
    followConsulAddresses({ host: SERVICE, lookup, clock, signal: stop.signal, log: silent });
    await clock.advance(600_000);
    expect(asked).to.be.within(14, 17);
    stop.abort();
  });
});
