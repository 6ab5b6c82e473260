import { once } from 'node:events';
import { type Server, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type Counter, startCounter } from '../../../bench/gate/counter.ts';
import { type KeyPair, createAuthority, issue } from '../../../clients/pki/authority.ts';

const SERVER_NAME = 'server.dc1.consul';

describe('the counter in front of Consul', () => {
  let shown: KeyPair;
  let consul: Server;
  let counter: Counter;
  let asked: { method?: string; url?: string; token: unknown; body: string }[];

  before(async () => {
    const lifetime = { nowMs: Date.now(), days: 1 };
    const leaf = { ...lifetime, commonName: SERVER_NAME, dns: [SERVER_NAME], usage: 'server' as const };
    const [inner, outer] = await Promise.all([createAuthority('inner', lifetime), createAuthority('outer', lifetime)]);
    const [own, front] = await Promise.all([issue(inner, leaf), issue(outer, leaf)]);
    shown = outer;
    consul = createServer({ cert: own.certPem, key: own.keyPem }, (incoming, answer) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('end', () => {
        const { method, url, headers } = incoming;
        asked.push({ method, url, token: headers['x-consul-token'], body });
        answer.writeHead(409, { 'x-consul-index': '7' }).end('{"Errors":[]}');
      });
    });
    consul.listen(0, '127.0.0.1');
    await once(consul, 'listening');
    const { port: consulPort } = consul.address() as AddressInfo;
    counter = await startCounter({ ...front, consulPort, consulCaPem: inner.certPem, serverName: SERVER_NAME });
  });
  beforeEach(() => {
    asked = [];
    counter.take();
  });
  after(async () => {
    await counter?.close();
    consul.close();
    consul.closeAllConnections();
  });

  const send = (
    method: string,
    path: string,
    body: string,
  ): Promise<{ status?: number; index: unknown; text: string }> =>
    new Promise((resolve, reject) => {
      const headers = { 'x-consul-token': 'secret', 'content-length': Buffer.byteLength(body) };
      const to = { host: '127.0.0.1', port: counter.port, ca: shown.certPem, servername: SERVER_NAME };
      const outgoing = request({ ...to, method, path, headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode, index: response.headers['x-consul-index'], text }),
        );
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  it('hands requests and answers on as they are', async () => {
    const answer = await send('PUT', '/v1/txn?dc=dc1', '[{"a":1}]');
    expect(answer).to.deep.equal({ status: 409, index: '7', text: '{"Errors":[]}' });
    expect(asked).to.deep.equal([{ method: 'PUT', url: '/v1/txn?dc=dc1', token: 'secret', body: '[{"a":1}]' }]);
  });

  it('tells each request once, without its query', async () => {
    await send('PUT', '/v1/txn', '[]');
    await send('GET', '/v1/catalog/node-services/a?consistent=', '');
    expect(counter.take()).to.deep.equal(['PUT /v1/txn', 'GET /v1/catalog/node-services/a']);
    expect(counter.take()).to.deep.equal([]);
  });

  it('holds requests of a kind after so many, and lets others pass', async () => {
    const held = counter.holdAfter(1, 'PUT /v1/txn');
    await send('PUT', '/v1/txn', '[1]');
    const never = send('PUT', '/v1/txn', '[2]').catch((error: Error) => error.message);
    await held;
    await send('PUT', '/v1/catalog/register', '{}');
    expect(asked.map(({ body }) => body)).to.deep.equal(['[1]', '{}']);
    await counter.close();
    expect(await never).to.be.a('string');
  });
});
