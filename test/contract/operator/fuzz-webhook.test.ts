import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';
import { arbitraryPod } from '../../support/arbitrary/pod.ts';
import { eventually } from '../../support/eventually.ts';
import { sizeOf } from '../../support/load/process-size.ts';
import { exchange, statusOf } from '../../support/raw-exchange.ts';

/** Random inputs of each kind; `npm run fuzz:local` sends many more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
/** Megabytes that V8 may keep by itself. */
const ROOM = 96;

/** The real operator with a real API server and Consul gets everything that a stranger can send to its port. */
describe('the webhook, under nonsense', function () {
  this.timeout(300_000 + RUNS * 200);
  let rig: OperatorRig;
  const running = () => rig.operators[0]!;

  before(async () => {
    rig = await startOperatorRig();
    await rig.start();
    const shop = shopOf(rig);
    await shop.declare('web');
    await shop.condition('web', 'Synced', 'Synced');
    // From here on the API server and the operator trust each other.
    await eventually('a pod is admitted', 20_000, () => shop.pod('web-1', 'web', '10.0.0.1').then(() => true));
  });
  after(() => rig?.stop());
  afterEach('it goes on', async () => {
    expect(running().running, running().log().slice(-3000)).to.equal(true);
    expect(statusOf((await send([post(body(aPod))])).received)).to.equal(200);
  });

  const aPod = { metadata: { name: 'p', labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'i' }] } };
  const review = (object: unknown, more: object = {}) => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', kind: { kind: 'Pod' }, namespace: 'shop', operation: 'CREATE', object, ...more },
  });
  const body = (object: unknown, more: object = {}): string => JSON.stringify(review(object, more));
  const send = (bytes: (string | Uint8Array)[], more: object = {}) =>
    exchange({ to: { host: '127.0.0.1', port: rig.webhookPort }, tls: true, send: bytes, ...more });
  const head = (path: string, headers: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`;
  const post = (
    text: string | Buffer,
    headers = 'content-type: application/json\r\n',
    path = '/mutate?timeout=10s',
  ): Buffer =>
    Buffer.concat([
      Buffer.from(head(path, `content-length: ${Buffer.byteLength(text)}\r\n${headers}`)),
      Buffer.from(text),
    ]);
  const chunked = (text: string, size: number, extension = ''): string[] => [
    head('/mutate', 'transfer-encoding: chunked\r\n'),
    ...(text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []).map(
      (one) => `${Buffer.byteLength(one).toString(16)}${extension}\r\n${one}\r\n`,
    ),
    '0\r\n\r\n',
  ];
  const GOOD = body(aPod);

  it('takes a review in every form that HTTP has for it', async () => {
    const forms: [string, (string | Uint8Array)[], object?][] = [
      ['a content type with charset', [post(GOOD, 'content-type: application/json; charset=utf-8\r\n')]],
      ['a content type in capitals', [post(GOOD, 'Content-Type: APPLICATION/JSON\r\n')]],
      ['no content type', [post(GOOD, '')]],
      ['chunks of one letter with extensions', chunked(GOOD, 1, ';a="b"')],
      [
        'a few bytes at a time',
        GOOD.match(/.{1,40}/gs)!.map(
          (one, at) => (at === 0 ? head('/mutate', `content-length: ${Buffer.byteLength(GOOD)}\r\n`) : '') + one,
        ),
        { pauseMs: 10 },
      ],
      ['Expect: 100-continue', [post(GOOD, 'expect: 100-continue\r\n')]],
      ['an upgrade that it does not do', [post(GOOD, 'upgrade: h2c\r\n')]],
      ['and no more said after it', [post(GOOD)], { halfClose: true }],
    ];
    for (const [what, bytes, more] of forms) {
      const { received } = await send(bytes, more);
      expect(statusOf(received), `${what}: ${received.toString().slice(0, 300)}`).to.equal(200);
      expect(received.toString(), what).to.include('"patchType":"JSONPatch"');
    }
  });

  it('takes what JSON allows: keys twice, __proto__, halves of surrogate pairs, numbers of any size', async () => {
    const odd: [string, string][] = [
      ['a key twice', GOOD.replace('"uid":"u"', '"uid":"first","uid":"u"')],
      ['__proto__ among labels', GOOD.replace('"app":"web"', '"app":"web","__proto__":"x"')],
      ['__proto__ as metadata', GOOD.replace('"metadata":{', '"__proto__":{"spec":1},"metadata":{')],
      ['half of a surrogate pair', GOOD.replace('"image":"i"', String.raw`"image":"\ud800"`)],
      [
        'numbers past 2^53',
        GOOD.replace('"containers"', '"terminationGracePeriodSeconds":9007199254740993,"priority":1e999,"containers"'),
      ],
      ['deep nesting', GOOD.replace('"containers"', `"x":${'['.repeat(100_000)}${']'.repeat(100_000)},"containers"`)],
      ['nulls', GOOD.replace('"containers"', '"initContainers":null,"volumes":null,"nodeSelector":null,"containers"')],
    ];
    for (const [what, text] of odd) {
      const { received } = await send([post(text)]);
      expect(statusOf(received), `${what}: ${received.toString().slice(0, 300)}`).to.be.oneOf([200, 400]);
      if (!what.includes('deep') && !what.includes('as metadata'))
        expect(received.toString(), what).to.include('"uid":"u"');
    }
  });

  it('refuses with 4xx a body that is not a review, and a request that says two things at once', async () => {
    const refused: [string, (string | Uint8Array)[]][] = [
      ['another version', [post(GOOD.replace('io/v1"', 'io/v1beta1"'))]],
      ['a version of the future', [post(GOOD.replace('io/v1"', 'io/v9"'))]],
      ['another kind', [post(GOOD.replace('AdmissionReview', 'ConversionReview'))]],
      ['compressed', [post(gzipSync(GOOD), 'content-encoding: gzip\r\n')]],
      ['UTF-16', [post(Buffer.from(GOOD, 'utf16le'))]],
      ['cut', [post(GOOD.slice(0, -10))]],
      ['nothing', [post('')]],
      ['two lengths', [head('/mutate', 'content-length: 2\r\ncontent-length: 3\r\n'), '{}']],
      ['a length and chunks', [head('/mutate', `content-length: 4\r\ntransfer-encoding: chunked\r\n`), '0\r\n\r\n']],
      ['chunks under another name', [head('/mutate', 'transfer-encoding: xchunked\r\n'), '0\r\n\r\n']],
      ['a chunk of no size', [head('/mutate', 'transfer-encoding: chunked\r\n'), '-1\r\n{}\r\n']],
      ['a folded header', [head('/mutate', 'a: b\r\n c: d\r\ncontent-length: 2\r\n'), '{}']],
      ['a header of 100 KiB', [head('/mutate', `a: ${'b'.repeat(100_000)}\r\n`)]],
      ['HTTP/2 without being asked', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']],
      ['no HTTP', ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03']],
      ['5 MiB at once', [head('/mutate', 'content-length: 5242880\r\n')]],
      ['5 MiB in chunks', chunked('x'.repeat(5 << 20), 1 << 20)],
      ['another method', ['GET /mutate HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n']],
      ['another path', [post(GOOD, '', '/mutate/../validate')]],
    ];
    for (const [what, bytes] of refused) {
      const { received } = await send(bytes, { halfClose: true });
      expect(statusOf(received), `${what}: ${received.toString().slice(0, 300)}`).to.be.within(400, 431);
    }
  });

  it('answers requests in one piece in their order', async () => {
    // As many as one TLS record holds: of more, Node's own server reads no further.
    const many = Array.from({ length: 30 }, (_, at) =>
      post(body(aPod, { uid: `u${at}` }))
        .toString()
        .replace('connection: close\r\n', ''),
    );
    const { received } = await send([many.join('')], {
      until: (given: Buffer) => given.toString().includes('"uid":"u29"'),
    });
    const uids = [...received.toString().matchAll(/"uid":"u(\d+)"/g)].map(([, uid]) => Number(uid));
    expect(uids).to.deep.equal(many.map((_, at) => at));
  });

  it('refuses a pod with fields of another type', async () => {
    const metadata = { name: 'p', labels: { app: 'web' } };
    const spec = { containers: [{ name: 'c' }] };
    for (const object of [
      { metadata: { ...metadata, ownerReferences: {} }, spec },
      { metadata: { ...metadata, ownerReferences: [null] }, spec },
      { metadata, spec: { ...spec, initContainers: {} } },
      { metadata, spec: { ...spec, volumes: [null] } },
    ]) {
      const text = body({ apiVersion: 'v1', kind: 'Pod', ...object });
      expect(statusOf((await send([post(text)])).received), text).to.equal(400);
    }
  });

  it('never answers 5xx to objects that are nearly pods or MeshServices, and does not grow with them', async () => {
    const before = await sizeOf(running().pid);
    const pods = await arbitraryPod('1.29');
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(null, -1, 1e308, '', '../..', '\u0000', [], {}, [null]),
    );
    const near = fc.tuple(pods, fc.array(fc.nat(), { minLength: 1, maxLength: 5 }), odd).map(([pod, path, value]) => {
      const object = structuredClone({ ...pod, metadata: { ...pod.metadata, labels: { app: 'web' } } }) as unknown;
      let at = object;
      for (const step of path) {
        const keys = Object.keys(at as object);
        const key = keys[step % keys.length];
        if (key === undefined) break;
        const below = (at as Record<string, unknown>)[key];
        if (typeof below === 'object' && below !== null && step % 3 > 0) at = below;
        else {
          (at as Record<string, unknown>)[key] = value;
          break;
        }
      }
      return object;
    });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(near, odd),
        fc.constantFrom('/mutate', '/validate'),
        fc.constantFrom('Pod', 'MeshService', 'x'),
        async (object, path, kind) => {
          const text = body(object, { kind: { kind } });
          const { received } = await send([post(text, '', path)]);
          expect(
            statusOf(received),
            `${path} ${text.slice(0, 2000)} -> ${received.toString().slice(0, 300)}`,
          ).to.be.oneOf([200, 400]);
        },
      ),
      { numRuns: RUNS },
    );
    const after = await sizeOf(running().pid);
    expect(after.megabytes - before.megabytes).to.be.lessThan(ROOM);
    expect(after.handles - before.handles).to.be.lessThan(16);
  });

  it('closes what comes too slowly or not at all, and lets go of it', async () => {
    const before = await sizeOf(running().pid);
    const slow = [
      ...Array.from({ length: 40 }, () =>
        send(['POST /mutate HTTP/1.1\r\n', ...'a: b\r\n'.repeat(20)], { pauseMs: 200 }),
      ),
      ...Array.from({ length: 40 }, () =>
        send([head('/mutate', 'content-length: 1000\r\n'), ...'x'.repeat(60)], { pauseMs: 400 }),
      ),
      ...Array.from({ length: 40 }, () =>
        exchange({ to: { host: '127.0.0.1', port: rig.webhookPort }, send: ['\x16\x03'] }),
      ),
      ...Array.from({ length: 40 }, () => send([])),
    ];
    // The API server is answered meanwhile.
    expect(statusOf((await send([post(GOOD)])).received)).to.equal(200);
    for (const { closed } of await Promise.all(slow)) expect(closed).to.equal(true);
    await eventually(
      'their handles are gone',
      10_000,
      async () => (await sizeOf(running().pid)).handles - before.handles < 16 || undefined,
    );
  });
});
