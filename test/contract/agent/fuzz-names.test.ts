import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import packet from 'dns-packet';
import fc from 'fast-check';
import type { Machine } from '../../integration/agent/agent-machine.ts';
import { eventually } from '../../support/eventually.ts';
import { sizeOf } from '../../support/load/process-size.ts';
import { exchange } from '../../support/raw-exchange.ts';
import { type AgentUnderFuzz, startAgentUnderFuzz } from './agent-under-fuzz.ts';

/** Random inputs of each kind; `npm run fuzz:local` sends many more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
/** Megabytes that V8 may keep by itself. */
const ROOM = 48;

/** The real agent of a machine, from a real bridge and Consul, gets everything that a local user or app can send. */
describe('the agent, under nonsense from its own machine', function () {
  this.timeout(300_000 + RUNS * 100);
  let agent: AgentUnderFuzz;
  let machine: Machine;
  let port: number;

  before(async () => {
    agent = await startAgentUnderFuzz();
    ({ machine, port } = agent);
    await eventually('a name is answered', 60_000, async () => (await ask()).answers?.length === 1 || undefined);
  });
  after(() => agent?.stop());
  afterEach('it is as before', async () => {
    expect(machine.agent().exitCode, machine.log().slice(-3000)).to.equal(null);
    await eventually('a name is answered', 10_000, async () => (await ask()).answers?.length === 1 || undefined);
    await eventually('beats go on', 10_000, async () => (await machine.status()).bridge.problem === undefined);
  });

  const QUESTION = { name: 'pay.virtual.consul', type: 'A' as const };
  const query = (question: object = QUESTION, more: object = {}): Buffer =>
    packet.encode({ type: 'query', id: 7, flags: packet.RECURSION_DESIRED, questions: [question as never], ...more });
  const ask = async (): Promise<packet.DecodedPacket> => {
    const answer = await udp(query());
    if (answer === undefined) throw new Error('no answer');
    return packet.decode(answer);
  };
  /** The answer to a datagram; undefined: none within `patienceMs`. */
  const udp = (message: Uint8Array, patienceMs = 1000): Promise<Buffer | undefined> =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      const end = (answer?: Buffer): void => {
        clearTimeout(patience);
        socket.close();
        resolve(answer);
      };
      const patience = setTimeout(end, patienceMs);
      socket.once('message', end);
      socket.send(message, port, '127.0.0.1');
    });
  const framed = (message: Buffer): Buffer => {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(message.length);
    return Buffer.concat([head, message]);
  };
  const tcp = (send: Uint8Array[], more: object = {}) =>
    exchange({ to: { port, host: '127.0.0.1' }, send, patienceMs: 8000, ...more });
  const header = (
    questions: number,
    more: Partial<Record<'flags' | 'answers' | 'additionals', number>> = {},
  ): Buffer => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(7, 0);
    head.writeUInt16BE(more.flags ?? 0x0100, 2);
    head.writeUInt16BE(questions, 4);
    head.writeUInt16BE(more.answers ?? 0, 6);
    head.writeUInt16BE(more.additionals ?? 0, 10);
    return head;
  };
  const label = (bytes: string): Buffer => Buffer.concat([Buffer.from([bytes.length]), Buffer.from(bytes, 'latin1')]);
  const ofLabels = (...labels: string[]): Buffer =>
    Buffer.concat([header(1), ...labels.map(label), Buffer.from([0, 0, 1, 0, 1])]);
  const codeOf = (answer: Buffer | undefined): number | undefined => answer && answer.readUInt16BE(2) & 0xf;

  describe('DNS', () => {
    it('refuses a message with many questions at once, also when each name points at the one before', async () => {
      const questions = 10_000;
      const chain = Buffer.alloc(12 + 7 + (questions - 1) * 6);
      header(questions).copy(chain);
      Buffer.from([1, 0x61, 0, 0, 1, 0, 1]).copy(chain, 12);
      for (let at = 19, before = 12; at < chain.length; before = at, at += 6) {
        chain.writeUInt16BE(0xc000 | (before & 0x3fff), at);
        chain.set([0, 1, 0, 1], at + 2);
      }
      const started = performance.now();
      const cpu = await cpuMs();
      for (let round = 0; round < 20; round += 1) expect(codeOf(await udp(chain)), 'FORMERR').to.equal(1);
      expect((await cpuMs()) - cpu, `of ${performance.now() - started} ms`).to.be.lessThan(500);
    });

    it('answers nothing to a name that points at itself, or forward', async () => {
      for (const pointer of [0xc00c, 0xc00d, 0xffff]) {
        const loop = Buffer.concat([header(1), Buffer.from([pointer >> 8, pointer & 0xff, 0, 1, 0, 1])]);
        expect(await udp(loop, 100)).to.equal(undefined);
      }
    });

    it('never answers an answer, or two servers would talk for ever', async () => {
      expect(await udp(packet.encode({ type: 'response', id: 7, questions: [QUESTION] }), 100)).to.equal(undefined);
    });

    it('asks back with the very bytes of the question, or refuses the message', async () => {
      for (const labels of [
        ['a.b', 'consul'],
        ['\xff'.repeat(63), 'consul'],
        ['\n', 'consul'],
        ['x\0y', 'consul'],
        ['PaY', 'VIRTUAL', 'consul'],
      ]) {
        const asked = ofLabels(...labels);
        const answer = (await udp(asked))!;
        const same = answer.readUInt16BE(4) === 1 && answer.subarray(12, asked.length).equals(asked.subarray(12));
        expect(same || (codeOf(answer) === 1 && answer.readUInt16BE(4) === 0), JSON.stringify(labels)).to.equal(true);
      }
    });

    it('keeps to the size that the asker takes, for every size that it names', async () => {
      for (const udpPayloadSize of [0, 1, 511, 512, 65_535]) {
        const opt = { type: 'OPT', name: '.', udpPayloadSize, flags: 0, options: [] };
        const answer = await udp(query(QUESTION, { additionals: [opt] }));
        expect(answer!.length).to.be.at.most(Math.max(512, Math.min(udpPayloadSize, 1232)));
      }
      const two = [1, 2].map(() => ({ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] }));
      expect(codeOf(await udp(query(QUESTION, { additionals: two })))).to.be.oneOf([0, 1]);
    });

    it('answers NOTIMP to other operations, and FORMERR to none or two questions', async () => {
      expect(
        codeOf(await udp(Buffer.concat([header(1, { flags: 0x2800 }), ofLabels('a', 'consul').subarray(12)]))),
      ).to.equal(4);
      expect(codeOf(await udp(header(0)))).to.equal(1);
      expect(codeOf(await udp(query(QUESTION, { questions: [QUESTION, QUESTION] })))).to.equal(1);
      expect(codeOf(await udp(Buffer.concat([query(), Buffer.from([0, 0, 0, 0])])))).to.be.oneOf([0, 1]);
    });

    it('reads a TCP message however it is cut, two in one piece, and answers after the asker has said all', async () => {
      const whole = framed(query());
      const bytes = [...whole].map((one) => Uint8Array.of(one));
      const answered = (count: number) => (received: Buffer) =>
        received.length >= count * (2 + received.readUInt16BE(0));
      expect((await tcp(bytes, { pauseMs: 2, until: answered(1) })).received.length).to.be.greaterThan(14);
      expect((await tcp([Buffer.concat([whole, whole, whole])], { until: answered(3) })).closed).to.equal(false);
      const { received } = await tcp([whole], { halfClose: true });
      expect(received.length).to.be.greaterThan(14);
    });

    it('closes a TCP connection that says it sends more than it does, or nothing', async () => {
      const half = [[], [Uint8Array.of(0xff)], [Uint8Array.of(0xff, 0xff, 1)]];
      for (const { received, closed } of await Promise.all(half.map((send) => tcp(send, { patienceMs: 20_000 }))))
        expect([received.length, closed]).to.deep.equal([0, true]);
    });

    it('serves others while some hold as many TCP connections as they can', async () => {
      const holding = Array.from({ length: 200 }, () => tcp([Uint8Array.of(0)], { patienceMs: 4000 }));
      const { received } = await tcp([framed(query())], {
        until: (given: Buffer) => given.length > 14,
        patienceMs: 3000,
      });
      expect(received.length).to.be.greaterThan(14);
      await Promise.all(holding);
    });

    it('holds no answers for who does not read them', async () => {
      const before = await sizeOf(machine.agent().pid!);
      const many = Buffer.concat(Array.from({ length: 2000 }, () => framed(query())));
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.setMaxListeners(1000);
      socket.pause();
      const until = performance.now() + 8000;
      // The agent cuts the client off in the end, which is right.
      const seen = (event: string) => once(socket, event).catch(() => undefined);
      for (let sent = 0; sent < 400 && !socket.destroyed && performance.now() < until; sent += 1)
        if (!socket.write(many)) await Promise.race([seen('drain'), seen('close'), delay(200)]);
      const after = await sizeOf(machine.agent().pid!);
      socket.destroy();
      // The answers to all of it would be more than 50.
      expect(after.megabytes - before.megabytes).to.be.lessThan(32);
    });

    it('lives through any bytes, over UDP and TCP, and keeps nothing of them', async () => {
      const before = await sizeOf(machine.agent().pid!);
      const around = fc
        .tuple(fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }), fc.uint8Array({ maxLength: 40 }))
        .map(([changes, tail]) => {
          const message = Buffer.concat([query(), tail]);
          for (const [at, byte] of changes) message[at % message.length] = byte;
          return message;
        });
      const message = fc.oneof(
        around,
        fc.uint8Array({ maxLength: 600 }).map(Buffer.from),
        fc.uint8Array({ minLength: 1000, maxLength: 9000 }).map(Buffer.from),
      );
      await fc.assert(
        fc.asyncProperty(message, fc.boolean(), async (bytes, overTcp) => {
          if (overTcp) await tcp([framed(bytes)], { halfClose: true });
          else await udp(bytes, 5);
        }),
        { numRuns: RUNS },
      );
      const after = await sizeOf(machine.agent().pid!);
      expect(after.megabytes - before.megabytes).to.be.lessThan(ROOM);
      expect(after.handles - before.handles).to.be.lessThan(8);
      expect(
        machine
          .log()
          .split('\n')
          .filter((line) => line.includes('could not be answered')),
      ).to.deep.equal([]);
    });
  });

  /** CPU time of the agent, user and system. */
  async function cpuMs(): Promise<number> {
    const fields = (await readFile(`/proc/${machine.agent().pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }
});
