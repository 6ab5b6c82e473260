import { expect } from 'chai';
import fc from 'fast-check';
import { DEFAULT_LEASE_MS, type Lease, judge, judged, nextLapseMs } from '../../../../mesh/outside/lease.ts';

const TTL = DEFAULT_LEASE_MS;
/** An agent beats every third of a lease, a little less so that hosts spread. */
const BEAT_MS = TTL / 3;

const aLease = (host: string, heardAtMs: number, down = false): Lease => ({ host, heardAtMs, down });

/**
 * A site on a clock of its own: every host beats on its phase, those lost stop at `lostAtMs`, and come back when
 * `backAtMs` says so. The judge is asked when it wants to be. Gives when which host lapsed, and each judgement.
 */
function play(site: { phases: number[]; lost: number[]; lostAtMs: number; backAtMs?: number[]; untilMs: number }) {
  let leases = site.phases.map((phase, index) => aLease(`h${index}`, phase - BEAT_MS));
  const lapsedAt = new Map<string, number>();
  const judgements: { atMs: number; brake: 'on' | 'off'; heldByBrake: string[] }[] = [];
  const lastBeat = (index: number, beforeMs: number): number =>
    site.phases[index]! + Math.floor((beforeMs - site.phases[index]!) / BEAT_MS) * BEAT_MS;
  const heardAt = (index: number, nowMs: number): number => {
    const sentMs = lastBeat(index, nowMs);
    const lost = site.lost.indexOf(index);
    const arrived = lost < 0 || sentMs < site.lostAtMs || sentMs >= (site.backAtMs?.[lost] ?? Infinity);
    return arrived ? sentMs : lastBeat(index, site.lostAtMs - 1);
  };
  for (let nowMs = 0; nowMs <= site.untilMs;) {
    leases = leases.map((lease, index) => {
      const heardAtMs = heardAt(index, nowMs);
      return heardAtMs > lease.heardAtMs ? aLease(lease.host, heardAtMs) : lease;
    });
    const judgement = judge(leases, nowMs, TTL);
    const { lapse, brake, heldByBrake } = judgement;
    for (const host of lapse) lapsedAt.set(host, nowMs);
    leases = judged(leases, judgement, nowMs, TTL);
    judgements.push({ atMs: nowMs, brake, heldByBrake });
    nowMs += Math.min(nextLapseMs(leases, nowMs, TTL), 50);
  }
  return { leases, lapsedAt, judgements };
}

const phase = fc.integer({ min: 0, max: BEAT_MS - 1 });
const phases = (count: number) => fc.array(phase, { minLength: count, maxLength: count });

describe('leases', function () {
  this.timeout(60_000);
  it('lapse a single silent host within a lease of its last beat, and not before', () => {
    fc.assert(
      fc.property(phases(10), fc.nat(9), (all, host) => {
        const lostAtMs = 2 * TTL;
        const { lapsedAt } = play({ phases: all, lost: [host], lostAtMs, untilMs: 4 * TTL });
        expect([...lapsedAt.keys()]).to.deep.equal([`h${host}`]);
        // The last beat came less than a beat before the loss.
        expect(lapsedAt.get(`h${host}`)).to.be.greaterThan(lostAtMs + TTL - BEAT_MS - 1);
        expect(lapsedAt.get(`h${host}`)).to.be.at.most(lostAtMs + TTL + 50);
      }),
    );
  });

  it('lapse a few lost together: three, or at most 30 % of a site', () => {
    for (const { of, lost } of [
      { of: 3, lost: 3 },
      { of: 25, lost: 7 },
    ]) {
      const all = Array.from({ length: of }, (_, index) => (index * 531) % BEAT_MS);
      const gone = Array.from({ length: lost }, (_, index) => index);
      const { lapsedAt } = play({ phases: all, lost: gone, lostAtMs: TTL, untilMs: 3 * TTL });
      expect(lapsedAt.size, `${lost} of ${of}`).to.equal(lost);
    }
  });

  it('hold all of 20 of 25 hosts that were lost together, for any phases of their beats', () => {
    fc.assert(
      fc.property(phases(25), (all) => {
        const lost = Array.from({ length: 20 }, (_, index) => index);
        const { lapsedAt, judgements } = play({ phases: all, lost, lostAtMs: 2 * TTL, untilMs: 6 * TTL });
        expect([...lapsedAt]).to.deep.equal([]);
        expect(judgements.at(-1)!.brake).to.equal('on');
        expect(judgements.at(-1)!.heldByBrake).to.have.length(20);
      }),
      { numRuns: 50 },
    );
  });

  it('hold every host of a site lost whole, of any size above three', () => {
    fc.assert(
      fc.property(fc.array(phase, { minLength: 4, maxLength: 40 }), (all) => {
        const lost = all.map((_, index) => index);
        const { lapsedAt } = play({ phases: all, lost, lostAtMs: 2 * TTL, untilMs: 5 * TTL });
        expect([...lapsedAt]).to.deep.equal([]);
      }),
      { numRuns: 50 },
    );
  });

  it('release the brake when enough hosts beat again, and then lapse the silent ones', () => {
    fc.assert(
      fc.property(phases(25), (all) => {
        const lost = Array.from({ length: 20 }, (_, index) => index);
        // 18 come back at 5 leases; two never do.
        const backAtMs = lost.map((index) => (index < 18 ? 5 * TTL : Infinity));
        const { lapsedAt, judgements } = play({ phases: all, lost, lostAtMs: 2 * TTL, backAtMs, untilMs: 7 * TTL });
        expect([...lapsedAt.keys()].sort()).to.deep.equal(['h18', 'h19']);
        expect(judgements.at(-1)!.brake).to.equal('off');
        expect(Math.min(...lapsedAt.values())).to.be.at.least(5 * TTL);
        expect(Math.max(...lapsedAt.values())).to.be.at.most(5 * TTL + BEAT_MS + 0.4 * TTL + 100);
      }),
      { numRuns: 50 },
    );
  });

  it('go on lapsing single hosts at a site where many have been down for long', () => {
    const old = Array.from({ length: 6 }, (_, index) => aLease(`old${index}`, 0, true));
    const live = Array.from({ length: 6 }, (_, index) => aLease(`live${index}`, 10 * TTL));
    const dying = aLease('dying', 9 * TTL);
    const judgement = judge([...old, ...live, dying], 10 * TTL + 1, TTL);
    expect(judgement).to.deep.include({ lapse: ['dying'], brake: 'off' });
  });

  it('give everybody a full lease after a restart of the bridge', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: TTL - 1 }), (count, sinceMs) => {
        const restarted = Array.from({ length: count }, (_, index) => aLease(`h${index}`, 1000));
        expect(judge(restarted, 1000 + sinceMs, TTL)).to.deep.include({ lapse: [], brake: 'off' });
      }),
    );
  });

  it('let the judge of a braked site sleep, and look again well within a lease', () => {
    const held = [{ ...aLease('a', 0), heldByBrake: true }];
    expect(nextLapseMs(held, 5 * TTL, TTL)).to.equal(TTL / 12);
  });

  it('revive a host that beats again', () => {
    expect(judge([aLease('a', 9000, true)], 9001, TTL).revive).to.deep.equal(['a']);
  });

  it('let the judge sleep no longer than until the next lease can lapse', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 20 }), (heard) => {
        const leases = heard.map((heardAtMs, index) => aLease(`h${index}`, heardAtMs));
        const nowMs = 20_000;
        const sleepMs = nextLapseMs(leases, nowMs, TTL);
        expect(sleepMs).to.be.within(10, TTL);
        for (const { heardAtMs } of leases) {
          if (heardAtMs + TTL > nowMs + 10) expect(nowMs + sleepMs).to.be.at.most(heardAtMs + TTL);
        }
      }),
    );
  });
});
