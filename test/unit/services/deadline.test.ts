import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { startDeadline } from '../../../services/frontend/deadline.ts';

describe('startDeadline', () => {
  const parent = () => new AbortController();

  it('fires when the time is over, and says that it was the time', async () => {
    const deadline = startDeadline(20, parent().signal);
    expect(deadline.signal.aborted).to.equal(false);
    await new Promise((done) => deadline.signal.addEventListener('abort', done));
    expect(deadline.passed()).to.equal(true);
  });

  it('fires with its parent, and says that it was not the time', () => {
    const above = parent();
    const deadline = startDeadline(60_000, above.signal);
    above.abort();
    expect(deadline.signal.aborted).to.equal(true);
    expect(deadline.passed()).to.equal(false);
    deadline.clear();
  });

  it('has fired from the start when its parent has', () => {
    const deadline = startDeadline(60_000, AbortSignal.abort());
    expect(deadline.signal.aborted).to.equal(true);
    deadline.clear();
  });

  it('does not fire once it is cleared', async () => {
    const above = parent();
    const deadline = startDeadline(10, above.signal);
    deadline.clear();
    await pause(30);
    above.abort();
    expect(deadline.signal.aborted).to.equal(false);
  });
});
