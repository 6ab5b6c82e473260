import { expect } from 'chai';
import fc from 'fast-check';
import { eventually } from '../../support/eventually.ts';
import { sizeOf } from '../../support/load/process-size.ts';
import { exchange, statusOf } from '../../support/raw-exchange.ts';
import type { Machine } from '../../integration/agent/agent-machine.ts';
import { type AgentUnderFuzz, startAgentUnderFuzz } from './agent-under-fuzz.ts';

/** Random inputs; `npm run fuzz:local` sends many more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
/** Megabytes that V8 may keep by itself. */
const ROOM = 48;

describe('the agent, under nonsense on its socket', function () {
  this.timeout(300_000 + RUNS * 100);
  let agent: AgentUnderFuzz;
  let machine: Machine;
  let api: { path: string };

  before(async () => {
    agent = await startAgentUnderFuzz();
    ({ machine } = agent);
    api = { path: agent.socket };
    await eventually('the agent beats', 60_000, async () => (await machine.status()).bridge.leaseAgeMs !== undefined);
  });
  after(() => agent?.stop());
  afterEach('it is as before', async () => {
    expect(machine.agent().exitCode, machine.log().slice(-3000)).to.equal(null);
    await eventually('beats go on', 10_000, async () => (await machine.status()).bridge.problem === undefined);
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

    it('answers a foreign or broken request with 4xx, and keeps no connection of it', async () => {
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
});
