import { expect } from 'chai';

import { type Starvation, judgeSilence, slowSentence, watchStarvation } from '../../../../agent/envoy/silence.ts';
import { type FakeClock, fakeClock } from '../fake-clock.ts';

describe('an Envoy that does not answer', () => {
  it('hangs after 5 s where this process ran when it was due and other Envoys answer', () => {
    const alone = { lostMs: 0, others: 0 };
    expect(judgeSilence({ ...alone, silentMs: 4999 })).to.equal('waits');
    expect(judgeSilence({ ...alone, silentMs: 5000 })).to.equal('hangs');
    expect(judgeSilence({ ...alone, silentMs: 5300, lostMs: 100 })).to.equal('hangs');
  });

  it('is slow while others are silent with it or this process runs late, and is ended after 30 s all the same', () => {
    for (const starved of [
      { lostMs: 0, others: 1 },
      { lostMs: 4000, others: 0 },
    ]) {
      expect(judgeSilence({ ...starved, silentMs: 4900 })).to.equal('waits');
      expect(judgeSilence({ ...starved, silentMs: 8000 })).to.equal('slow');
      expect(judgeSilence({ others: starved.others, silentMs: 40_000, lostMs: 10_000 })).to.equal('hangs');
    }
    expect(judgeSilence({ silentMs: 60_000, lostMs: 59_000, others: 0 })).to.equal('slow');
  });

  it('is shown with the signs that the machine is short of CPU', () => {
    expect(slowSentence({ silentMs: 7300, lostMs: 0, others: 2 })).to.equal(
      'it has not answered for 7 s, and 2 other Envoys are silent, too: this machine is short of CPU, so it is not ended',
    );
    expect(slowSentence({ silentMs: 7300, lostMs: 5000, others: 1 })).to.contain(
      'this agent ran late itself, and another Envoy is silent, too',
    );
  });
});

describe('the shared memory of the watches of all Envoys', () => {
  let clock: FakeClock;
  let starvation: Starvation;
  beforeEach(() => {
    clock = fakeClock();
    starvation = watchStarvation(clock);
  });

  it('counts the silence of each, and the others that are overdue', async () => {
    starvation.answered('a');
    starvation.answered('b');
    await clock.advance(2000);
    starvation.answered('b');
    await clock.advance(2400);
    expect(starvation.silenceOf('a')).to.deep.equal({ silentMs: 4400, lostMs: 0, others: 0 });
    await clock.advance(200);
    expect(starvation.silenceOf('a')).to.deep.equal({ silentMs: 4600, lostMs: 0, others: 1 });
    starvation.forget('b');
    expect(starvation.silenceOf('a')).to.include({ others: 0 });
    expect(starvation.silenceOf('b')).to.equal(undefined);
    starvation.end();
    expect(clock.pending()).to.equal(0);
  });

  it('counts the time in which this process did not run, also before the late tick has come', async () => {
    await clock.advance(10_000);
    starvation.answered('a');
    await clock.advance(600);
    clock.freeze(6000);
    const held = starvation.silenceOf('a')!;
    expect(held.silentMs).to.equal(6600);
    expect(held.lostMs).to.be.within(5500, 6000);
    expect(judgeSilence(held)).to.equal('slow');
    await clock.advance(4000);
    const later = starvation.silenceOf('a')!;
    expect(later).to.include({ silentMs: 10_600 });
    expect(later.lostMs).to.be.within(5500, 6000);
    expect(judgeSilence(later)).to.equal('slow');
  });

  it('leaves out what was lost before the last answer', async () => {
    clock.freeze(20_000);
    await clock.advance(0);
    starvation.answered('a');
    await clock.advance(5000);
    expect(starvation.silenceOf('a')).to.deep.equal({ silentMs: 5000, lostMs: 0, others: 0 });
    expect(judgeSilence(starvation.silenceOf('a')!)).to.equal('hangs');
  });
});
