import { expect } from 'chai';
import fc from 'fast-check';
import type { Updates } from '../../../../mesh/proxies/counters.ts';
import type { Heard } from '../../../../mesh/proxies/heard.ts';
import {
  type Account,
  type Moment,
  NO_ACCOUNT,
  type Refusal,
  SETTLE_MS,
  type Standing,
  accountOf,
  standingOf,
} from '../../../../mesh/proxies/refusals.ts';

const WALL = Date.parse('2026-11-30T12:00:00Z');

const lds = (rejected: number, acceptedAtMs?: number): Updates[] =>
  rejected === 0 ? [] : [{ subscription: 'listener_manager_lds', kind: 'listener', rejected, acceptedAtMs }];
const heard = (atMs: number, words = 'no'): Heard => ({ kind: 'listener', words, atMs });

describe('the account of one Envoy', () => {
  it('ends with a refusal exactly when the last update was refused, however many looks there were between', () => {
    // Each step is an update that is taken or refused, or a look.
    const steps = fc.array(fc.constantFrom('taken', 'refused', 'look', 'restart'), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (all) => {
        let [now, rejected, acceptedAtMs, last] = [1000, 0, undefined as number | undefined, 'none'];
        let log: Heard[] = [];
        let account: Account | undefined = NO_ACCOUNT;
        for (const step of [...all, 'look']) {
          now += 10;
          if (step === 'taken') [acceptedAtMs, last] = [now, 'taken'];
          else if (step === 'refused') [rejected, last, log] = [rejected + 1, 'refused', [...log, heard(now)]];
          // Between the end of a process and the next look nothing is refused here: the law below tells of that.
          else if (step === 'restart') [rejected, acceptedAtMs, last, log] = [0, undefined, 'none', []];
          if (step === 'look' || step === 'restart') account = accountOf(account, lds(rejected, acceptedAtMs), log);
        }
        expect(account?.refusals.length ?? 0).to.equal(last === 'refused' ? 1 : 0);
      }),
    );
  });

  it('of a new process with fewer refusals takes those for its own', () => {
    const before = accountOf(NO_ACCOUNT, lds(5), [heard(10)]);
    expect(accountOf(before, lds(1), [heard(10), heard(20, 'again')]).refusals[0]).to.include({ words: 'again' });
    expect(accountOf(before, [], []).refusals).to.deep.equal([]);
  });

  it('goes by the times on a first look, and says nothing without them', () => {
    expect(accountOf(undefined, lds(1, 50), [heard(40)]).refusals).to.have.length(0);
    expect(accountOf(undefined, lds(1, 50), [heard(60)]).refusals).to.have.length(1);
    expect(accountOf(undefined, lds(1, 50), []).refusals).to.have.length(0);
    expect(accountOf(undefined, lds(1), []).refusals, 'never took any').to.have.length(1);
  });

  it('goes on with the refusal that was known while the count stays', () => {
    const known = accountOf(NO_ACCOUNT, lds(1, 5), [heard(10, 'why')]);
    expect(accountOf(known, lds(1, 5), []).refusals[0]).to.include({ words: 'why' });
    expect(accountOf(known, lds(1, 20), []).refusals).to.deep.equal([]);
  });

  it('counts without words after a rise: something was refused', () => {
    expect(accountOf(NO_ACCOUNT, lds(1, 5), []).refusals[0]).to.include({ words: undefined, rejected: 1 });
  });
});

describe('a refused update that is taken back', () => {
  const refusal = (rejected: number, atMs?: number): Refusal => ({
    subscription: 'listener_manager_lds',
    kind: 'listener',
    rejected,
    words: 'no',
    atMs,
  });
  /** The clock on the wall is far from the steady one. */
  const at = (steadyMs: number): Moment => ({ steadyMs, wallMs: WALL + steadyMs });
  const open = (standing: Standing[]): number => standing.filter(({ over }) => !over).length;

  it('is over once a later change has settled and nothing was refused since', () => {
    const first = standingOf([], [refusal(1)], { atMs: [100], lookedMs: 0 }, at(1600));
    expect(open(first)).to.equal(1);
    const soon = standingOf(first, [refusal(1)], { atMs: [10_000], lookedMs: 0 }, at(10_000 + SETTLE_MS - 1));
    expect(open(soon)).to.equal(1);
    expect(open(standingOf(soon, [refusal(1)], { atMs: [10_000], lookedMs: 10_000 }, at(10_000 + SETTLE_MS)))).to.equal(
      0,
    );
  });

  it('stands when the change was refused as well, and comes back when one is refused again', () => {
    const first = standingOf([], [refusal(1)], { atMs: [100], lookedMs: 0 }, at(1600));
    const again = standingOf(first, [refusal(2)], { atMs: [10_000], lookedMs: 0 }, at(11_500));
    expect(open(standingOf(again, [refusal(2)], { atMs: [10_000], lookedMs: 10_000 }, at(20_000)))).to.equal(1);
    const over = standingOf(again, [refusal(2)], { atMs: [30_000], lookedMs: 0 }, at(35_000));
    expect(open(over)).to.equal(0);
    expect(
      open(standingOf(over, [refusal(2)], { atMs: [30_000], lookedMs: 30_000 }, at(90_000))),
      'stays over',
    ).to.equal(0);
    expect(open(standingOf(over, [refusal(3)], { atMs: [30_000], lookedMs: 30_000 }, at(91_000)))).to.equal(1);
  });

  describe('after two changes between two looks', () => {
    const two = { atMs: [1000, 2000], lookedMs: 0 };
    const isOpen = (refusedAtMs: number): boolean => {
      const first = standingOf([], [refusal(1, refusedAtMs)], two, at(3500));
      return open(standingOf(first, [refusal(1, refusedAtMs)], { ...two, lookedMs: 3500 }, at(7000))) === 1;
    };

    it('is over when the refusal came before the second change', () => {
      expect(isOpen(WALL + 1200)).to.equal(false);
    });

    it('stands when the refusal came after the second change', () => {
      expect(isOpen(WALL + 2300)).to.equal(true);
    });

    it('stands when the time of the refusal fits neither change, since clocks of machines differ', () => {
      for (const ms of [900, -60_000, 3501, 60_000, -WALL]) expect(isOpen(WALL + ms), `${ms}`).to.equal(true);
    });
  });
});
