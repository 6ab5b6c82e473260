import { expect } from 'chai';
import fc from 'fast-check';
import { type Ahead, leftInWords, secondsLeft } from '../../../../lab/progress/left.ts';

const ahead: Ahead[] = [
  { label: 'consul 1.22.6', seconds: 100 },
  { label: 'kubernetes 1.34.2', seconds: 300 },
  { label: 'kind cluster', seconds: 30 },
];
const spent = (label: string, seconds: number, ended = false) => ({ label, seconds, ended });

describe('the time that is left', () => {
  it('is at first the sum of the tasks to come', () => {
    expect(secondsLeft(ahead, [])).to.equal(430);
  });

  it('gets less while a task goes on', () => {
    expect(secondsLeft(ahead, [spent('consul 1.22.6', 40)])).to.equal(390);
  });

  it('goes by the pace of the tasks that have ended', () => {
    expect(secondsLeft(ahead, [spent('consul 1.22.6', 200, true)])).to.be.within(480, 500);
    expect(secondsLeft(ahead, [spent('consul 1.22.6', 50, true)])).to.be.within(240, 260);
  });

  it('is not thrown off by a short download on a slow line', () => {
    const tasks = [{ label: 'envoy', seconds: 5 }, ...ahead];
    expect(secondsLeft(tasks, [spent('envoy', 60, true)])).to.be.within(430, 660);
  });

  it('knows a task by the beginning of its label', () => {
    expect(secondsLeft(ahead, [spent('kind cluster landbridge', 30, true)])).to.equal(400);
  });

  it('does not say that a task which is late has no time left', () => {
    expect(secondsLeft(ahead, [spent('kubernetes 1.34.2', 900)])).to.equal(160);
  });

  it('is nothing once all have ended, and is never negative', () => {
    expect(
      secondsLeft(
        ahead,
        ahead.map(({ label }) => spent(label, 10, true)),
      ),
    ).to.equal(0);
    fc.assert(
      fc.property(
        fc.array(fc.record({ label: fc.constantFrom('a', 'b', 'c'), seconds: fc.nat(5000), ended: fc.boolean() })),
        fc.array(fc.record({ label: fc.constantFrom('a', 'b', 'c'), seconds: fc.nat(5000) })),
        (some, tasks) => secondsLeft(tasks, some) >= 0,
      ),
    );
  });

  it('is said in minutes, and not at all when it is short', () => {
    expect([10, 45, 100, 540].map(leftInWords)).to.deep.equal([
      '',
      'about a minute left',
      'about 2 minutes left',
      'about 9 minutes left',
    ]);
  });
});
