import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import packet from 'dns-packet';
import fc from 'fast-check';
import { type Machine, makeMachine } from '../integration/agent-machine.ts';
import { type Rig, startRig } from '../integration/agent-rig.ts';
import { eventually } from '../support/eventually.ts';
import { sizeOf } from '../support/process-size.ts';
import { exchange, statusOf } from '../support/raw-exchange.ts';
import { freePorts } from '../support/real-consul-ports.ts';

/** Random inputs of each kind; `npm run fuzz:local` sends many more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
const LEASE_MS = 3000;
/** Megabytes that V8 may keep by itself. */
const ROOM = 48;

/** The real agent of a machine, from a real bridge and Consul: what a local user or app can send it. */
describe('the agent, under nonsense from its own machine', function () {
  this.timeout(300_000 + RUNS * 100);
  let rig: Rig;
  let machine: Machine;
  let port: number;
  let api: { path: string };

  before(async () => {
    [machine, rig] = [await makeMachine(), await startRig({ leaseMs: LEASE_MS })];
    const [free = 0, app = 0, upstream = 0] = await freePorts(3);
    port = free;
    api = { path: join(machine.runtimeDir, 'agent.sock') };
    rig.admit('web', [{ service: 'pay', localPort: upstream }]);
    const flags = ['--port', `${app}`, '--check', 'tcp', '--host-name', 'vm1', '--no-systemd'];
    const joined = await machine.landbridge('vm', 'join', await rig.invite('web'), ...flags);
    expect(joined.code, joined.stderr).to.equal(0);
    machine.startAgent({ LANDBRIDGE_DNS: `127.0.0.1:${port}` });
    await eventually('a name is answered', 60_000, async () => (await ask()).answers?.length === 1 || undefined);
  });
  after(async () => {
    await machine?.remove();
    await rig?.stop();
  });
  afterEach('it is as before', async () => {
    expect(machine.agent().exitCode, machine.log().slice(-3000)).to.equal(null);
    await eventually('a name is answered', 10_000, async () => (await ask()).answers?.length === 1 || undefined);
    expect((await machine.status()).bridge.problem, 'the last beat').to.equal(undefined);
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

    it('keeps to the size that the asker takes, whatever it says that is', async () => {
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
      for (let sent = 0; sent < 400 && !socket.destroyed && performance.now() < until; sent += 1)
        if (!socket.write(many)) await Promise.race([once(socket, 'drain'), once(socket, 'close'), delay(200)]);
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

  describe('the local API', () => {
    const http = (send: (string | Uint8Array)[], more: object = {}) => exchange({ to: api, send, ...more });
    const post = (path: string, body: string, headers = ''): string =>
      `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

    it('says what is wrong with a body that is too long, in whatever way it comes', async () => {
      const long = JSON.stringify({ target: 'x'.repeat(200_000), waitMs: 0 });
      const { received } = await http([post('/drain', long)]);
      expect([statusOf(received), received.toString()].join(' ')).to.match(/^400 .*too long/s);
      const pieces = long.match(/.{1,5000}/gs)!.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`);
      const chunked = await http([
        'POST /drain HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n',
        ...pieces,
        '0\r\n\r\n',
      ]);
      expect([statusOf(chunked.received), chunked.received.toString()].join(' ')).to.match(/^400 .*too long/s);
    });

    it('reads letters of several bytes as they were sent, however they are cut', async () => {
      const text = post('/drain', JSON.stringify({ target: 'ünïcödé-💥', waitMs: 0 }));
      const { received } = await http(
        [...Buffer.from(text)].map((one) => Uint8Array.of(one)),
        { pauseMs: 1 },
      );
      expect(received.toString()).to.include('ünïcödé-💥');
    });

    it('answers what is no request of its own with 4xx, and keeps no connection of it', async () => {
      const before = await sizeOf(machine.agent().pid!);
      const asked: [string, string][] = [
        ['two lengths', 'POST /drain HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'],
        [
          'a length and chunks',
          'POST /drain HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
        ],
        ['a chunk of no size', 'POST /drain HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
        ['a long header', `GET /status HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(40_000)}\r\n\r\n`],
        ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
        ['another path', 'GET /stop HTTP/1.1\r\nhost: x\r\n\r\n'],
        ['a proxy request', 'GET http://other/status HTTP/1.1\r\nhost: x\r\n\r\n'],
        ['a field too many', post('/drain', '{"target": "x", "waitMs": 0, "force": true}')],
        ['__proto__', post('/drain', '{"target": "x", "__proto__": {"waitMs": 0}}')],
        ['a number past what is exact', post('/drain', '{"target": "x", "waitMs": 9007199254740993}')],
        ['infinity', post('/drain', '{"target": "x", "waitMs": 1e999}')],
        ['half of a surrogate pair', post('/drain', String.raw`{"target": "\ud800", "waitMs": 0}`)],
        ['deep nesting', post('/undrain', '['.repeat(30_000))],
        ['another letter coding', post('/undrain', Buffer.from('{"target":"x"}', 'utf16le').toString('latin1'))],
        ['nothing', post('/undrain', '')],
      ];
      for (const [what, text] of asked) {
        const { received } = await http([text], { halfClose: true });
        expect(statusOf(received), `${what}: ${received.toString().slice(0, 300)}`).to.be.within(400, 431);
      }
      const body = fc.oneof(
        fc.jsonValue().map((value) => JSON.stringify(value)),
        fc.string(),
      );
      const path = fc.constantFrom('/drain', '/undrain', '/reload?x', '/status', '//stop', '/../stop', '/st%6fp');
      await fc.assert(
        fc.asyncProperty(path, body, async (to, text) => {
          const { received } = await http([post(to, text)]);
          expect(statusOf(received), `${to} ${text}`).to.be.within(400, 499);
        }),
        { numRuns: RUNS },
      );
      await eventually('its connections are gone', 10_000, async () => {
        const after = await sizeOf(machine.agent().pid!);
        return (after.handles - before.handles < 8 && after.megabytes - before.megabytes < ROOM) || undefined;
      });
    });

    it('answers root while others hold connections in which they say nothing', async () => {
      const slow = Array.from({ length: 300 }, () => http(['GET /status HTTP/1.1\r\n'], { patienceMs: 3000 }));
      expect((await machine.status()).host).to.equal('vm1');
      await Promise.all(slow);
    });
  });

  /** Of the agent, user and system. */
  async function cpuMs(): Promise<number> {
    const fields = (await readFile(`/proc/${machine.agent().pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }
});
