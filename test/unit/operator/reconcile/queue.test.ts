import { expect } from 'chai';
import { createQueue } from '../../../../operator/reconcile/queue.ts';

/** A gate that the test opens: work waits on events, not on time. */
function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

const quiet = { onError: () => undefined, random: () => 0 };

describe('the queue', () => {
  let stop: AbortController;
  beforeEach(() => (stop = new AbortController()));
  afterEach(() => stop.abort());

  /** A queue whose one worker is held by the key `blocker` until the gate opens. */
  function blocked() {
    const ran: string[] = [];
    const blocker = gate();
    const queue = createQueue({
      ...quiet,
      workers: 1,
      signal: stop.signal,
      work: async (key) => {
        ran.push(key);
        if (key === 'blocker') await blocker.opened;
      },
    });
    queue.add('blocker');
    return { queue, ran, blocker };
  }

  it('runs a key that was added many times while it waited once', async () => {
    const { queue, ran, blocker } = blocked();
    for (let i = 0; i < 100; i++) queue.add('a');
    blocker.open();
    await queue.idle();
    expect(ran).to.deep.equal(['blocker', 'a']);
  });

  it('lets namespaces take turns, so that a thousand keys of one hold up none of another', async () => {
    const { queue, ran, blocker } = blocked();
    for (let i = 0; i < 1000; i++) queue.add(`evil/${i}`);
    queue.add('shop/payments');
    queue.add('shop/web');
    queue.add('shop/payments');
    expect(queue.size).to.equal(1003);
    blocker.open();
    await queue.idle();
    expect(ran.slice(0, 5)).to.deep.equal(['blocker', 'evil/0', 'shop/payments', 'evil/1', 'shop/web']);
    expect(ran).to.have.length(1003);
    expect(queue.size).to.equal(0);
  });

  it('never runs a key twice at once, and runs it again when it was added meanwhile', async () => {
    const first = gate();
    let running = 0;
    let most = 0;
    let runs = 0;
    const queue = createQueue({
      ...quiet,
      signal: stop.signal,
      work: async () => {
        most = Math.max(most, ++running);
        if (++runs === 1) await first.opened;
        running--;
      },
    });
    queue.add('a');
    queue.add('a');
    queue.add('a');
    first.open();
    await queue.idle();
    expect({ most, runs }).to.deep.equal({ most: 1, runs: 2 });
  });

  it('works on different keys side by side, up to its workers', async () => {
    const all = gate();
    let running = 0;
    let most = 0;
    const queue = createQueue({
      ...quiet,
      workers: 3,
      signal: stop.signal,
      work: async () => {
        most = Math.max(most, ++running);
        await all.opened;
        running--;
      },
    });
    for (const key of ['a', 'b', 'c', 'd', 'e']) queue.add(key);
    all.open();
    await queue.idle();
    expect(most).to.equal(3);
  });

  it('parks a key whose failure time does not mend, until it is released or added', async () => {
    const ran: string[] = [];
    const told: (number | undefined)[] = [];
    let away = true;
    const queue = createQueue({
      random: () => 0,
      baseMs: 1,
      signal: stop.signal,
      onError: (_key, _error, retryMs) => told.push(retryMs),
      parks: () => away,
      work: async (key) => {
        ran.push(key);
        if (away) throw new Error('Consul is away');
      },
    });
    for (const key of ['a', 'b']) queue.add(key);
    await queue.idle();
    // A back-off of a millisecond would be over many times.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([ran, told]).to.deep.equal([
      ['a', 'b'],
      [undefined, undefined],
    ]);
    queue.add('b');
    await queue.idle();
    expect(ran).to.deep.equal(['a', 'b', 'b']);
    away = false;
    queue.release();
    await queue.idle();
    expect(ran).to.deep.equal(['a', 'b', 'b', 'a', 'b']);
    queue.release();
    await queue.idle();
    expect(ran, 'nothing is parked any more').to.have.length(5);
  });

  it('backs off longer at each failure, up to the cap, and forgets failures after a success', async () => {
    const delays: number[] = [];
    const done = gate();
    let failing = true;
    const queue = createQueue({
      random: () => 1,
      baseMs: 1,
      capMs: 4,
      signal: stop.signal,
      onError: (_key, _error, retryMs) => {
        delays.push(retryMs ?? NaN);
        if (delays.length === 4) failing = false;
      },
      work: async () => {
        if (failing) throw new Error('no');
        if (delays.length === 4) {
          delays.push(0);
          throw new Error('once more');
        }
        done.open();
      },
    });
    queue.add('a');
    await done.opened;
    expect(delays.slice(0, 4)).to.deep.equal([1, 2, 4, 4]);
  });

  it('starts nothing once it is stopped', async () => {
    let runs = 0;
    const queue = createQueue({ ...quiet, signal: stop.signal, work: async () => void runs++ });
    stop.abort();
    queue.add('a');
    await queue.idle();
    expect(runs).to.equal(0);
  });
});
