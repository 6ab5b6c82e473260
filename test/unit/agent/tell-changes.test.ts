import { expect } from 'chai';
import { pino } from 'pino';
import { BridgeRefusal } from '../../../agent/bridge-client.ts';
import { tellChanges } from '../../../agent/tell-changes.ts';
import { fakeClock } from './fake-clock.ts';

const AGAIN_MS = 60_000;

/** A machine that has `found` to tell, and a bridge that fails while `failure` is set. */
function scene(repeatsEmpty: boolean) {
  const clock = fakeClock();
  const stop = new AbortController();
  const state = { found: [] as string[], failure: undefined as Error | undefined, told: [] as string[][], asked: 0 };
  void tellChanges({
    request: () => state.found,
    isEmpty: (found) => found.length === 0,
    tell: async (found) => {
      state.asked++;
      if (state.failure !== undefined) throw state.failure;
      state.told.push(found);
    },
    againMs: AGAIN_MS,
    repeatsEmpty,
    of: 'a test',
    clock,
    log: pino({ enabled: false }),
    signal: stop.signal,
  });
  return { clock, stop, state };
}

describe('tellChanges', () => {
  it('tells nothing while there never was anything to tell', async () => {
    const { clock, stop, state } = scene(true);
    await clock.advance(3 * AGAIN_MS);
    expect(state.told).to.deep.equal([]);
    stop.abort();
  });

  it('tells a change within a second, the same again when it is due, and the end once', async () => {
    const { clock, stop, state } = scene(false);
    state.found = ['a'];
    await clock.advance(1000);
    expect(state.told).to.deep.equal([['a']]);
    await clock.advance(AGAIN_MS);
    expect(state.told).to.deep.equal([['a'], ['a']]);
    state.found = [];
    await clock.advance(2 * AGAIN_MS);
    expect(state.told).to.deep.equal([['a'], ['a'], []]);
    stop.abort();
  });

  it('tells an empty request again where that is asked for', async () => {
    const { clock, stop, state } = scene(true);
    state.found = ['a'];
    await clock.advance(1000);
    state.found = [];
    await clock.advance(1000);
    await clock.advance(AGAIN_MS);
    expect(state.told).to.deep.equal([['a'], [], []]);
    stop.abort();
  });

  it('tries again soon after a failure, and seldom with a bridge that is too old to know the question', async () => {
    const { clock, stop, state } = scene(false);
    state.found = ['a'];
    state.failure = new Error('nobody is there');
    await clock.advance(10_000);
    expect(state.asked).to.equal(3);
    state.failure = new BridgeRefusal(404, { code: 'notFound', message: 'no such route' });
    await clock.advance(10_000);
    const { asked } = state;
    await clock.advance(50_000);
    expect(state.asked).to.equal(asked);
    state.failure = undefined;
    await clock.advance(20_000);
    expect(state.told).to.deep.equal([['a']]);
    stop.abort();
  });
});
