import { expect } from 'chai';
import { createEventBook, type EventFacts } from '../../../../../clients/kube/events/event-book.ts';

function fact(name: string, note = 'said'): EventFacts {
  const regarding = { apiVersion: 'v1', kind: 'Pod', name, namespace: 'shop' };
  return { regarding, type: 'Normal', reason: 'Said', action: 'Say', note };
}

describe('event book', () => {
  it('counts the same thing said again in one entry, and other things in their own', () => {
    const book = createEventBook({ burst: 100, writesPerSecond: 1 });
    const first = book.note(fact('a'), 1, 1);
    expect(book.note(fact('a'), 5, 5)).to.equal(first);
    expect(first).to.include({ count: 2, firstMs: 1, lastMs: 5 });
    expect(book.note(fact('b'), 1, 1)).to.include({ count: 1 });
    expect(book.note(fact('a', 'other'), 1, 1)).to.include({ count: 1 });
  });

  it('lets a burst through, then so many a second, and loses no count', () => {
    const book = createEventBook({ burst: 3, writesPerSecond: 2 });
    const written = Array.from({ length: 10 }, () => book.note(fact('a'), 0, 0)).filter((entry) => entry !== undefined);
    expect(written).to.have.length(3);
    expect(book.note(fact('a'), 400, 400)).to.equal(undefined);
    expect(book.note(fact('a'), 500, 500)).to.include({ count: 12 });
    expect(book.note(fact('a'), 900, 900)).to.equal(undefined);
  });

  it('does not save up more than the burst', () => {
    const book = createEventBook({ burst: 2, writesPerSecond: 1 });
    const written = Array.from({ length: 5 }, () => book.note(fact('a'), 0, 3_600_000)).filter(Boolean);
    expect(written).to.have.length(2);
  });

  it('keeps each warning beyond the rate until the rate allows it, once, and at most as many as its size', () => {
    const book = createEventBook({ burst: 1, writesPerSecond: 1, size: 5 });
    const warning = (name: string): EventFacts => ({ ...fact(name), type: 'Warning' });
    for (const name of ['a', 'b', 'c', 'b']) book.note(warning(name), 0, 0);
    book.note(fact('usual'), 0, 0);
    expect(book.late(500), 'before the rate allows it').to.equal(undefined);
    const late = [1500, 2500, 3500].map((ms) => book.late(ms)?.facts.regarding.name);
    expect(late).to.deep.equal(['b', 'c', undefined]);
    expect(book.isLate).to.equal(false);
    for (let turn = 0; turn < 100; turn++) book.note(warning(`w${turn}`), 0, 3500);
    let waited = 0;
    for (let ms = 5000; book.isLate; ms += 1000) waited += book.late(ms) === undefined ? 0 : 1;
    expect(waited).to.equal(5);
  });

  it('forgets what was said longest ago when it is full', () => {
    const book = createEventBook({ burst: 100, writesPerSecond: 1, size: 2 });
    for (const name of ['a', 'b', 'a', 'c']) book.note(fact(name), 0, 0);
    expect(book.note(fact('a'), 0, 0)).to.include({ count: 3 });
    expect(book.note(fact('b'), 0, 0)).to.include({ count: 1 });
  });
});
