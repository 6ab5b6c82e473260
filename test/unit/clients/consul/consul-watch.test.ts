import { expect } from 'chai';
import { ConsulUnavailable } from '../../../../clients/consul/errors.ts';
import type { ConsulReply, ConsulRequest } from '../../../../clients/consul/transport.ts';
import { type KindAnswer, watchConfig } from '../../../../clients/consul/reading/watch.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';

type Entries = Record<string, number>;
type Answer = Partial<ConsulReply> & { entries?: Entries };

const quiet = { debug: () => undefined, info: () => undefined, error: () => undefined };

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A watch of one kind; each question waits until the test answers it. */
function scene() {
  const clock = fakeClock();
  const stop = new AbortController();
  const questions: ConsulRequest[] = [];
  const told: KindAnswer[] = [];
  let warned = 0;
  let open: { answer: (reply: ConsulReply) => void; fail: (error: Error) => void } | undefined;
  watchConfig(['service-router'], (answer) => told.push(answer), {
    transport: {
      send(request) {
        questions.push(request);
        return new Promise((answer, fail) => (open = { answer, fail }));
      },
      close: () => undefined,
    },
    clock,
    random: () => 1,
    signal: stop.signal,
    log: { ...quiet, warn: () => void warned++ },
  });
  const body = (entries: Entries) =>
    json(Object.entries(entries).map(([Name, ModifyIndex]) => ({ Name, ModifyIndex })));
  return {
    clock,
    stop,
    questions,
    told,
    warned: () => warned,
    asksAfter: () => questions.at(-1)?.query?.['index'],
    async answer(index: string | undefined, entries: Entries = {}, more: Answer = {}) {
      open!.answer({ status: 200, body: body(entries), index, filtered: false, anonymous: false, ...more });
      await clock.advance(500);
    },
    async fail(afterMs = 0, error: Error = new ConsulUnavailable('EOF')) {
      await clock.advance(afterMs);
      open!.fail(error);
      await clock.advance(250);
    },
  };
}

describe('the watch of config entries', () => {
  it('names what came, went and was changed, and nothing that was there at first', async () => {
    const { told, answer, stop } = scene();
    await answer('10', { a: 3, b: 10 });
    await answer('12', { a: 3, b: 12 });
    await answer('14', { b: 12, c: 14 });
    expect(told.map(({ changed }) => changed)).to.deep.equal([[], ['b'], ['c', 'a']]);
    expect(told.map(({ restored }) => restored)).to.deep.equal([false, false, false]);
    stop.abort();
  });

  it('asks the leader, and for less time than a balancer keeps a silent connection', async () => {
    const { questions, answer, stop } = scene();
    await answer('10');
    const [first, second] = questions.map(({ query }) => query!);
    expect(first).to.deep.equal({ consistent: '' });
    expect(second).to.have.keys('index', 'wait', 'consistent');
    // Consul adds up to a sixteenth.
    expect(Number.parseInt(String(second!['wait']), 10) * (17 / 16)).to.be.below(50);
    stop.abort();
  });

  it('tells nothing when the time is over without a change', async () => {
    const { told, answer, asksAfter, clock, stop } = scene();
    await answer('10', { a: 3 });
    await clock.advance(45_000);
    await answer('10', { a: 3 });
    expect(told).to.have.length(1);
    expect(asksAfter()).to.equal('10');
    stop.abort();
  });

  it('starts from the beginning when Consul answers before the time with what it has answered before', async () => {
    const { told, answer, asksAfter, stop } = scene();
    await answer('60', { a: 3, b: 60 });
    await answer('60', { a: 3, b: 60 });
    expect(asksAfter()).to.equal(undefined);
    await answer('50', { a: 3, b: 50 });
    expect(told.at(-1)).to.include({ restored: true });
    stop.abort();
  });

  it('names no name when another kind alone has moved the index', async () => {
    const { told, answer, stop } = scene();
    await answer('10', { a: 3 });
    await answer('25', { a: 3 });
    expect(told.map(({ index, changed }) => [index, changed])).to.deep.equal([
      [10, []],
      [25, []],
    ]);
    stop.abort();
  });

  it('starts from the beginning when the index goes back, and says that Consul holds an earlier state', async () => {
    const { told, answer, asksAfter, stop } = scene();
    await answer('90', { a: 80, b: 90 });
    await answer('40', { a: 40 });
    expect(asksAfter(), 'from the beginning').to.equal(undefined);
    expect(told, 'the answer of the old index is not believed').to.have.length(1);
    await answer('40', { a: 40 });
    expect(told.at(-1)).to.include({ index: 40, restored: true });
    expect(told.at(-1)!.changed).to.have.members(['a', 'b']);
    await answer('41', { a: 41 });
    expect(told.at(-1), 'said once').to.include({ restored: false });
    stop.abort();
  });

  it('knows by another kind that Consul holds an earlier state, also while the question of this kind waits for it', async () => {
    const clock = fakeClock();
    const stop = new AbortController();
    const told: KindAnswer[] = [];
    const open = new Map<string, (reply: ConsulReply) => void>();
    watchConfig(['service-intentions', 'service-router'], (answer) => told.push(answer), {
      transport: {
        send: ({ path }) => new Promise((answer) => open.set(path, answer)),
        close: () => undefined,
      },
      clock,
      random: () => 1,
      signal: stop.signal,
      log: { ...quiet, warn: () => undefined },
    });
    const answer = async (kind: string, index: string): Promise<void> => {
      open.get(`/config/${kind}`)!({ status: 200, body: json([]), index, filtered: false, anonymous: false });
      await clock.advance(500);
    };
    await answer('service-router', '30');
    await answer('service-intentions', '60');
    await answer('service-router', '30');
    await answer('service-router', '55');
    expect(told.map(({ kind, restored }) => [kind, restored])).to.deep.equal([
      ['service-router', false],
      ['service-intentions', false],
      ['service-router', true],
    ]);
    stop.abort();
  });

  it('takes one low answer between two of the same leader for no restored backup', async () => {
    const { told, answer, stop } = scene();
    await answer('90', { a: 80 });
    await answer('70', { a: 60 });
    await answer('90', { a: 80 });
    expect(told.map(({ restored, changed }) => [restored, changed])).to.deep.equal([
      [false, []],
      [false, []],
    ]);
    stop.abort();
  });

  for (const index of [undefined, '0', 'x']) {
    it(`waits after index 1 when the answer has the index ${index}, and turns in no circle`, async () => {
      const { answer, asksAfter, told, stop } = scene();
      await answer(index, {});
      expect(asksAfter()).to.equal('1');
      await answer(index, { a: 7 });
      expect(told.at(-1)!.changed, 'and a change is seen all the same').to.deep.equal(['a']);
      stop.abort();
    });
  }

  it('finds after an error whatever changed meanwhile', async () => {
    const { told, answer, fail, asksAfter, stop } = scene();
    await answer('10', { a: 3, b: 4 });
    await fail();
    expect(asksAfter()).to.equal(undefined);
    await answer('30', { a: 3, b: 30 });
    expect(told.at(-1)!.changed).to.deep.equal(['b']);
    stop.abort();
  });

  it('asks at once again after a connection that was held and then cut, each time', async () => {
    const { questions, answer, fail, stop } = scene();
    await answer('10', { a: 3 });
    for (let cut = 0; cut < 20; cut++) {
      const asked = questions.length;
      await fail(30_000);
      expect(questions.length, `after cut ${cut}`).to.equal(asked + 1);
    }
    stop.abort();
  });

  it('backs off from errors that come at once, to one question in five seconds', async () => {
    const { clock, questions, fail, stop } = scene();
    for (let turn = 0; turn < 10; turn++) {
      await fail();
      await clock.advance(5000);
    }
    const asked = questions.length;
    for (let turn = 0; turn < 4; turn++) {
      await fail();
      await clock.advance(4750);
    }
    expect(questions.length - asked).to.be.at.most(4);
    stop.abort();
  });

  it('reads a kind twice a second at most, however often it changes, and the last change always', async () => {
    const clock = fakeClock();
    const stop = new AbortController();
    let asked = 0;
    let index = 1;
    const told: KindAnswer[] = [];
    watchConfig(['service-router'], (answer) => told.push(answer), {
      transport: {
        async send() {
          asked++;
          const ModifyIndex = (index += 5);
          return {
            status: 200,
            body: json([{ Name: 'a', ModifyIndex }]),
            index: `${index}`,
            filtered: false,
            anonymous: false,
          };
        },
        close: () => undefined,
      },
      clock,
      random: () => 0,
      signal: stop.signal,
      log: { ...quiet, warn: () => undefined },
    });
    await clock.advance(10_000);
    expect(asked).to.be.within(19, 21);
    expect(told.at(-1)!.entries.get('a')).to.equal(index);
    stop.abort();
  });

  it('takes an answer of which Consul hid a part for none, and says so once', async () => {
    const { told, answer, clock, warned, asksAfter, stop } = scene();
    await answer('10', { a: 3 });
    for (let turn = 0; turn < 3; turn++) {
      await answer('20', {}, { filtered: true });
      await clock.advance(5000);
    }
    expect(told, 'nothing is gone').to.have.length(1);
    expect(warned()).to.equal(1);
    expect(asksAfter()).to.equal(undefined);
    stop.abort();
  });

  it('takes the page of a proxy for no answer', async () => {
    const { told, answer, clock, stop, asksAfter } = scene();
    await answer('10', { a: 3 });
    await answer('11', {}, { body: Buffer.from('<html>Bad Gateway</html>') });
    await clock.advance(1000);
    expect(told).to.have.length(1);
    expect(asksAfter()).to.equal(undefined);
    stop.abort();
  });

  it('names an entry that was deleted and made again between two answers', async () => {
    const { told, answer, stop } = scene();
    await answer('10', { a: 3 });
    await answer('19', { a: 19 });
    expect(told.at(-1)!.changed).to.deep.equal(['a']);
    stop.abort();
  });
});
