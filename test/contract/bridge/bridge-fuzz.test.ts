import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import fc from 'fast-check';
import { SUMMARIES, openApi } from '../../../bridge/api/open-api.ts';
import { ROUTES } from '../../../bridge/handlers/routes.ts';
import { type Schema, fitting, nearly } from '../../support/arbitrary/json.ts';
import type { Client } from './bridge-client.ts';
import { type BridgeUnderTest, SITE, anInstance, bridgeUnderTest } from './bridge-under-test.ts';
import { eventually } from './bridge-waiting.ts';

/** Requests a route and kind of sender; `npm run fuzz:bridge` sends many more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 40);

interface Operation {
  method: string;
  path: string;
  body: Schema | undefined;
}

/** All that the OpenAPI document tells a stranger. */
function operations(): Operation[] {
  const { paths } = JSON.parse(JSON.stringify(openApi(ROUTES))) as {
    paths: Record<string, Record<string, { requestBody?: { content: { 'application/json': { schema: Schema } } } }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      body: requestBody?.content['application/json'].schema,
    })),
  );
}

describe('the API of the bridge', () => {
  it('is described whole: every route, with a sentence and the schema that its body is checked with', () => {
    expect(operations().map(({ method, path }) => `${method} ${path.replace('{name}', ':name')}`)).to.have.members(
      ROUTES.map(({ method, path }) => `${method} ${path}`),
    );
    expect(Object.keys(SUMMARIES)).to.have.members(ROUTES.map(({ method, path }) => `${method} ${path}`));
    for (const { path, body, method } of operations())
      if (body !== undefined) expect(body.additionalProperties, `${method} ${path}`).to.equal(false);
  });
});

describe('the API of the bridge, under nonsense', function () {
  this.timeout(600_000);
  let bridge: BridgeUnderTest;
  let senders: Record<'nobody' | 'host' | 'admin', Client>;

  before(async () => {
    bridge = await bridgeUnderTest('the fake', { askName: () => Promise.resolve(Buffer.from('an answer')) });
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    const { certificatePem: certificate, keyPem: key } = bridge.admin;
    senders = { nobody: bridge.client(), host: vm.client, admin: bridge.client({ certificate, key }) };
  });
  after(() => bridge.stop());

  /** All that Consul holds of off-cluster things. */
  const held = async (): Promise<string> => {
    const nodes = await bridge.reader.listNodes('');
    const kv = await bridge.reader.kvList('landbridge/');
    return JSON.stringify([nodes.map(({ name }) => name), kv.map(({ key, value }) => [key, value])]);
  };
  const name = fc.oneof(
    fc.stringMatching(/^[a-z0-9-]{1,20}$/),
    fc.webSegment(),
    fc.constantFrom('..', '%2e%2e', '%00', '%'),
  );
  const fuzz = (sender: Client, { method, path, body }: Operation): Promise<void> =>
    fc.assert(
      fc.asyncProperty(
        name,
        body === undefined ? fc.constant(undefined) : fc.oneof(fitting(body), nearly(body), fc.jsonValue()),
        async (word, value) => {
          const text = value === undefined ? undefined : JSON.stringify(value);
          const reply = await sender.send(method, path.replace('{name}', word), text);
          expect(reply.status, `${method} ${path} ${text} -> ${JSON.stringify(reply.body)}`).to.be.lessThan(500);
          if (reply.status >= 400) {
            expect(reply.body, `${method} ${path}`).to.have.property('code').that.is.a('string');
            expect(reply.body.message).to.be.a('string').and.not.equal('');
          }
        },
      ),
      { numRuns: RUNS },
    );

  for (const operation of operations()) {
    const what = `${operation.method} ${operation.path}`;
    it(`${what}: nobody has no effect, and gets no 5xx`, async () => {
      const before = await held();
      await fuzz(senders.nobody, operation);
      expect(await held()).to.equal(before);
    });
    it(`${what}: a host and an admin get no 5xx`, async () => {
      await fuzz(senders.admin, operation);
      // It must be able to go on: an admin may have shut it out by chance.
      await fuzz(senders.host, operation);
    });
  }

  it('lives through bytes that are not TLS, not HTTP, or half of either, and keeps no connection of them', async () => {
    const { port, connections } = bridge.running;
    const before = connections();
    const send = (bytes: Uint8Array, tls: boolean): Promise<void> =>
      new Promise((resolve) => {
        const socket = tls
          ? connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
          : connectTcp({ host: '127.0.0.1', port });
        socket.on('error', () => undefined);
        socket.once('close', () => resolve());
        socket.resume();
        socket.end(bytes);
      });
    const head = fc.constantFrom(
      '',
      'GET ',
      'POST /v1/beat HTTP/1.1\r\n',
      'POST /v1/join HTTP/1.1\r\nhost: x\r\n',
      '\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\n',
    );
    await fc.assert(
      fc.asyncProperty(head, fc.uint8Array({ maxLength: 2000 }), fc.boolean(), (start, bytes, tls) =>
        send(Buffer.concat([Buffer.from(start), bytes]), tls),
      ),
      { numRuns: RUNS * 5 },
    );
    await eventually(async () => expect(connections()).to.be.at.most(before));
    expect((await senders.admin.send('GET', '/v1/instances')).status).to.equal(200);
  });

  it('has not grown with what it refused', async () => {
    const invite = { id: 'x'.repeat(20), secret: 'y' };
    const before = await memory();
    for (let count = 0; count < RUNS * 25; count += 1) {
      await senders.nobody.post('/v1/join', {
        invite,
        host: `vm${count}`,
        address: '127.0.0.1',
        csr: 'x'.repeat(8000),
      });
      await senders.nobody.post('/v1/beat', 'x'.repeat(10_000));
    }
    // Less than a thousandth of what was sent, with room for what V8 keeps by itself.
    expect((await memory()) - before).to.be.lessThan(8 * 1024 * 1024);
    expect(bridge.running.bridge.hosts.all().length).to.be.at.most(RUNS + 1);

    async function memory(): Promise<number> {
      if (globalThis.gc === undefined) {
        const { setFlagsFromString } = await import('node:v8');
        const { runInNewContext } = await import('node:vm');
        setFlagsFromString('--expose-gc');
        globalThis.gc = runInNewContext('gc') as typeof globalThis.gc;
      }
      globalThis.gc!();
      return process.memoryUsage().heapUsed;
    }
  });

  it('serves the document that this was made from', async () => {
    const { status, body } = await senders.nobody.send('GET', '/v1/openapi.json');
    expect(status).to.equal(200);
    expect(body).to.deep.equal(JSON.parse(JSON.stringify(openApi(ROUTES))));
    expect(
      body.paths['/v1/invites'].post.requestBody.content['application/json'].schema.properties.site.pattern,
    ).to.be.a('string');
    expect(SITE).to.match(
      new RegExp(body.paths['/v1/invites'].post.requestBody.content['application/json'].schema.properties.site.pattern),
    );
  });
});
