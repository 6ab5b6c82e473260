import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { AccessRule } from '../../../crds/access.ts';
import type { Route } from '../../../crds/traffic.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** Requests in the less common forms of HTTP, written byte for byte, through a real Consul and real Envoys: docs/traffic.md, "HTTP". */
describe('a request in an uncommon form', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let app: Server;
  let port = 0;
  let seen: string[] = [];

  before(async () => {
    rig = await startTrafficRig();
    const [appPort = 0, localPort = 0] = await freePorts(2);
    port = localPort;
    app = createServer({ maxHeaderSize: 1 << 20 }, (request, response) => {
      const { method, url, headers } = request;
      let length = 0;
      request.on('data', (part: Buffer) => (length += part.length));
      request.on('end', () => {
        seen.push(`${method} ${url} ${length}`);
        response.setHeader('x-route', String(headers['x-route'] ?? ''));
        if (url === '/hints') response.writeEarlyHints({ link: '</a.css>; rel=preload' });
        if (url === '/trailers') response.setHeader('trailer', 'x-end').write('a');
        if (url === '/trailers') response.addTrailers({ 'x-end': 'the end' });
        response.end();
      });
    }).listen(appPort, '127.0.0.1');
    await once(app, 'listening');
    await declare({});
    await rig.declare('caller', { upstreams: [{ service: 'web', localPort: port }] });
    await rig.member('web', 'pod', [], { appPort, accessLog: 'none' });
    await rig.member('caller', 'vm', [{ service: 'web', localPort: port }]);
    await eventually('it answers', 30_000, async () => (await send(get('/'))).status === 200);
  });
  after(async () => {
    app?.closeAllConnections();
    app?.close();
    await rig?.stop();
  });

  const declare = ({ access = [{ from: 'caller' }], routes = [] }: { access?: AccessRule[]; routes?: Route[] }) =>
    rig.declare('web', { protocol: 'http', access, traffic: { routes } });
  const CLOSE = 'host: x\r\nconnection: close\r\n';
  const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\n${CLOSE}${headers}\r\n`;

  async function send(text: string): Promise<{ status: number; text: string; route: string }> {
    seen = [];
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.write(text);
    let got = '';
    socket.on('data', (part: Buffer) => (got += part.toString('latin1')));
    await once(socket, 'close');
    const final = got.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
    return {
      status: Number(/^HTTP\/1\.1 (\d+)/.exec(final)?.[1] ?? 0),
      text: got,
      route: /^x-route: (.*?)\r$/m.exec(final)?.[1] ?? '',
    };
  }

  const H2C =
    'connection: close, upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n';
  const arrives: [string, string, string][] = [
    ['of a whole URL', `GET http://other/abs?x HTTP/1.1\r\n${CLOSE}\r\n`, 'GET /abs?x 0'],
    ['of TRACE', `TRACE /x HTTP/1.1\r\n${CLOSE}\r\n`, 'TRACE /x 0'],
    ['of HEAD', `HEAD /x HTTP/1.1\r\n${CLOSE}\r\n`, 'HEAD /x 0'],
    ['of a method of WebDAV', `PROPFIND /x HTTP/1.1\r\n${CLOSE}\r\n`, 'PROPFIND /x 0'],
    ['of a method of caches', `PURGE /x HTTP/1.1\r\n${CLOSE}\r\n`, 'PURGE /x 0'],
    ['of GET with a body', `GET /x HTTP/1.1\r\n${CLOSE}content-length: 3\r\n\r\nabc`, 'GET /x 3'],
    [
      'that expects 100',
      `POST /x HTTP/1.1\r\n${CLOSE}content-length: 2\r\nexpect: 100-continue\r\n\r\n{}`,
      'POST /x 2',
    ],
    ['that offers h2c, as clients of Java do', `GET /x HTTP/1.1\r\nhost: x\r\n${H2C}\r\n`, 'GET /x 0'],
    ['with 50 KiB of headers', get('/x', `a: ${'b'.repeat(50_000)}\r\n`), 'GET /x 0'],
    ['with 90 headers', get('/x', Array.from({ length: 90 }, (_, at) => `a${at}: b\r\n`).join('')), 'GET /x 0'],
    ['with a path of 20 KiB', get(`/${'a'.repeat(20_000)}`), `GET /${'a'.repeat(20_000)} 0`],
    ['with a header of UTF-8', get('/x', 'x-name: \u65e5\u672c\r\n'), 'GET /x 0'],
    ['with an empty header', get('/x', 'x-name:\r\n'), 'GET /x 0'],
    ['with a header with an underscore', get('/x', 'x_name: a\r\n'), 'GET /x 0'],
    [
      'in chunks with a trailer',
      `POST /x HTTP/1.1\r\n${CLOSE}te: trailers\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-a: b\r\n\r\n`,
      'POST /x 1',
    ],
    ['to which the app says more before its answer', get('/hints'), 'GET /hints 0'],
    ['to which the app says more after its answer', get('/trailers', 'te: trailers\r\n'), 'GET /trailers 0'],
  ];
  for (const [what, text, saw] of arrives)
    it(`reaches the app: one ${what}`, async () => {
      const answer = await send(text);
      expect(answer.status, answer.text.slice(0, 300)).to.equal(200);
      expect(seen).to.deep.equal([saw]);
      expect(answer.text, 'neither goes through HTTP/1.1').not.to.match(/103 Early|x-end: /i);
    });

  const refused: [string, string, number][] = [
    ['of CONNECT', `CONNECT x:80 HTTP/1.1\r\n${CLOSE}\r\n`, 404],
    ['of OPTIONS for the server as a whole', `OPTIONS * HTTP/1.1\r\n${CLOSE}\r\n`, 404],
    ['of a method in lower case', `get /x HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['of a method that Envoy does not know', `QUERY /x HTTP/1.1\r\n${CLOSE}content-length: 2\r\n\r\n{}`, 400],
    ['with 60 KiB of headers and more', get('/x', `a: ${'b'.repeat(96_000)}\r\n`), 431],
    ['with more than 100 headers', get('/x', Array.from({ length: 101 }, (_, at) => `a${at}: b\r\n`).join('')), 431],
    [
      'with two lengths',
      `POST /x HTTP/1.1\r\n${CLOSE}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['with a fragment', get('/x#y'), 400],
    ['with a path beyond ASCII', get('/\u00e9'), 400],
    ['with a blank in its path', get('/a b'), 400],
    ['without a host', 'GET /x HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    [
      'that upgrades to something else than WebSocket',
      `GET /x HTTP/1.1\r\nhost: x\r\nconnection: close, upgrade\r\nupgrade: x/1\r\n\r\n`,
      403,
    ],
  ];
  for (const [what, text, status] of refused)
    it(`is refused with ${status} before the app: one ${what}`, async () => {
      const answer = await send(text);
      expect(answer.status, answer.text.slice(0, 300)).to.equal(status);
      expect(seen).to.deep.equal([]);
    });

  /** Headers of a request, and whether a match takes it. */
  const MATCHES: [string, NonNullable<AccessRule['headers']>[number], [string, boolean][]][] = [
    [
      'exact',
      { name: 'x-a', exact: 'b' },
      [
        ['x-a: b', true],
        ['x-a: B', false],
        ['X-A: b', true],
        ['x-a: b, c', false],
        ['x-a: c\r\nx-a: b', true],
        ['x-a:', false],
        ['', false],
      ],
    ],
    [
      'exact, turned round',
      { name: 'x-a', exact: 'b', invert: true },
      [
        ['x-a: c', true],
        ['x-a: b', false],
        ['x-a: c\r\nx-a: b', false],
        ['', false],
      ],
    ],
    [
      'prefix, turned round',
      { name: 'x-a', prefix: 'b', invert: true },
      [
        ['x-a: c', true],
        ['x-a: bc', false],
        ['', false],
      ],
    ],
    [
      'regex, turned round',
      { name: 'x-a', regex: 'b+', invert: true },
      [
        ['x-a: c', true],
        ['x-a: bb', false],
        ['x-a: bbc', true],
        ['', false],
      ],
    ],
    [
      'present, turned round',
      { name: 'x-a', present: true, invert: true },
      [
        ['', true],
        ['x-a: b', false],
        ['x-a:', false],
      ],
    ],
    ['of the host', { name: 'host', exact: 'x' }, [['', true]]],
  ];

  it('is matched by its headers alike in a route and in access', async () => {
    const routes = MATCHES.map(([, match], at): Route => ({
      ...{ name: `r${at}`, pathPrefix: `/${at}/`, headers: [match] },
      requestHeaders: { set: { 'x-route': `r${at}` } },
    }));
    await declare({ routes });
    await eventually('the routes are there', 20_000, async () => (await send(get('/5/x'))).route === 'r5');
    const access = MATCHES.map(([, match], at): AccessRule => ({
      from: 'caller',
      pathPrefix: `/${at}/`,
      headers: [match],
    }));
    for (const [at, [what, , requests]] of MATCHES.entries())
      for (const [headers, taken] of requests) {
        const { route } = await send(get(`/${at}/x`, headers === '' ? '' : `${headers}\r\n`));
        expect(route, `route by ${what}, ${JSON.stringify(headers)}`).to.equal(taken ? `r${at}` : '');
      }
    await declare({ access });
    // Open connections between the sidecars have the former rules until they end, so one refusal is not all.
    for (let refusals = 0; refusals < 8;) refusals = (await send(get('/none'))).status === 403 ? refusals + 1 : 0;
    for (const [at, [what, , requests]] of MATCHES.entries())
      for (const [headers, taken] of requests) {
        const { status } = await send(get(`/${at}/x`, headers === '' ? '' : `${headers}\r\n`));
        expect(status, `access by ${what}, ${JSON.stringify(headers)}`).to.equal(taken ? 200 : 403);
      }
  });
});
