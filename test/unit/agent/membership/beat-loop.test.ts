import { expect } from 'chai';
import fc from 'fast-check';

import { type BeatLoop, attemptLimits, startBeats } from '../../../../agent/membership/beat-loop.ts';
import { type FakeClock, fakeClock } from '../fake-clock.ts';

const LEASE_MS = 6000;
/** Tolerance for the sums of a fake clock. */
const ROUNDING_MS = 1e-6;

/** A bridge that takes `tookMs` to answer, with the answer that the test sets. */
function beating(options: { tookMs?: number; random?: () => number } = {}) {
  const clock: FakeClock = fakeClock();
  const seen = { starts: [] as number[], failures: [] as string[], atOnce: 0, underWay: 0 };
  const bridge: { answer: 'take' | 'fail' | 'refuse' } = { answer: 'take' };
  const beats: BeatLoop = startBeats({
    clock,
    random: options.random ?? (() => 0),
    leaseMs: () => LEASE_MS,
    async send() {
      const { answer } = bridge;
      seen.starts.push(clock.steady());
      seen.underWay += 1;
      seen.atOnce = Math.max(seen.atOnce, seen.underWay);
      await new Promise<void>((resolve) => clock.after(options.tookMs ?? 0, resolve));
      seen.underWay -= 1;
      if (answer !== 'take') throw new Error(answer);
    },
    failed: (message) => seen.failures.push(message),
    final: (error) => (error as Error).message === 'refuse',
  });
  return { clock, seen, bridge, beats };
}

describe('beats', () => {
  it('begin at once, and come every third of a lease', async () => {
    const { clock, seen } = beating();
    await clock.advance(6100);
    expect(seen.starts).to.deep.equal([0, 2000, 4000, 6000]);
  });

  it('are never later than a third of a lease after the one before, however long it took and whatever the jitter', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1800 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        async (tookMs, jitter) => {
          const { clock, seen } = beating({ tookMs, random: () => jitter.next().value as number });
          await clock.advance(20_000);
          const gaps = seen.starts.slice(1).map((start, index) => start - seen.starts[index]!);
          expect(Math.max(...gaps)).to.be.at.most(LEASE_MS / 3 + ROUNDING_MS);
          expect(Math.min(...gaps)).to.be.at.least(Math.min(1800, tookMs));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('come at once on a change, and many changes of one moment are one beat', async () => {
    const { clock, seen, beats } = beating();
    await clock.advance(500);
    for (let change = 0; change < 20; change += 1) beats.soon();
    await clock.advance(20);
    expect(seen.starts).to.deep.equal([0, 510]);
    await clock.advance(2000);
    expect(seen.starts, 'the next regular one is counted from there').to.deep.equal([0, 510, 2510]);
  });

  it('come one at a time: a change during a beat goes out right after it', async () => {
    const { clock, seen, beats } = beating({ tookMs: 300 });
    await clock.advance(100);
    beats.soon();
    beats.soon();
    await clock.advance(250);
    expect(seen.starts).to.deep.equal([0, 310]);
    await clock.advance(20_000);
    expect(seen.atOnce).to.equal(1);
  });

  it('are tried again quickly after a failure, so that a bridge that is back is found within a third of a lease', async () => {
    const { clock, seen, bridge } = beating({ tookMs: attemptLimits(LEASE_MS).connectMs, random: () => 0.999 });
    bridge.answer = 'fail';
    await clock.advance(60_000);
    const gaps = seen.starts.slice(1).map((start, index) => start - seen.starts[index]!);
    expect(Math.max(...gaps)).to.be.at.most(LEASE_MS / 3);
    const backMs = clock.steady();
    bridge.answer = 'take';
    await clock.advance(10_000);
    expect(seen.starts.find((start) => start >= backMs)! - backMs).to.be.at.most(LEASE_MS / 3);
  });

  it('do not hammer a bridge that refuses', async () => {
    const { clock, seen, bridge } = beating();
    bridge.answer = 'refuse';
    await clock.advance(20_000);
    expect(seen.starts.length).to.equal(11);
  });

  it('ask within half a second why the bridge hung up, never later than they would have, and not twice', async () => {
    const { clock, seen, beats } = beating({ random: () => 0.999 });
    await clock.advance(100);
    beats.hungUp();
    await clock.advance(500);
    expect(seen.starts).to.have.length(2);
    expect(seen.starts[1]).to.be.within(100, 600);
    // The next one is due in 300 ms: half a second would put it off.
    await clock.advance(1500);
    beats.hungUp();
    beats.hungUp();
    await clock.advance(400);
    expect(seen.starts).to.have.length(3);
    await clock.advance(600);
    expect(seen.starts).to.have.length(3);
  });

  it('have told what was so when they were composed, not before', async () => {
    const { clock, beats } = beating({ tookMs: 300 });
    await clock.advance(100);
    let told: boolean | undefined;
    void beats.told().then((taken) => (told = taken));
    await clock.advance(210);
    expect(told, 'the beat under way was composed before the call').to.equal(undefined);
    await clock.advance(310);
    expect(told).to.equal(true);
  });

  it('keep somebody waiting over failures, and say no when the bridge refuses', async () => {
    const { clock, beats, bridge } = beating();
    bridge.answer = 'fail';
    await clock.advance(1000);
    let told: boolean | undefined;
    void beats.told().then((taken) => (told = taken));
    await clock.advance(5000);
    expect(told).to.equal(undefined);
    bridge.answer = 'refuse';
    await clock.advance(2000);
    expect(told).to.equal(false);
  });

  it('end when they are stopped, also while one is under way', async () => {
    const { clock, seen, beats } = beating({ tookMs: 300 });
    await clock.advance(100);
    beats.soon();
    beats.stop();
    await clock.advance(60_000);
    expect(seen.starts).to.deep.equal([0]);
    expect(clock.pending()).to.equal(0);
  });

  it('have time limits that let a slow answer through and still leave room for the next beat', () => {
    const { connectMs, answerMs } = attemptLimits(LEASE_MS);
    expect(answerMs, 'a bridge without Consul answers after 1.5 s').to.be.greaterThan(1500);
    expect(answerMs).to.be.lessThan(LEASE_MS / 3);
    expect(connectMs).to.be.lessThan(answerMs);
  });
});
