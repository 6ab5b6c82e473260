import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Server, createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { ConsulDenied, ConsulRefused, ConsulUnavailable } from '../../clients/consul/errors.ts';
import type { ServingCertificate } from '../certificates/authority.ts';
import type { Bridge } from './bridge.ts';
import { Download, type SendDownload, limitDownloads } from './download.ts';
import { identify } from './identify.ts';
import { endWhenRead } from './linger.ts';
import { type PeerReader, peerReader } from './peer.ts';
import { checked, readJson, readQuery } from './read-json.ts';
import { AGAIN, Refusal } from '../refusal.ts';
import { type Route, findRoute } from './route.ts';
import { servingContext } from '../certificates/serving.ts';
import { limitStrangers } from './strangers.ts';

const MAX_CONNECTIONS = 4096;

/**
 * The API over HTTPS. TLS asks for a client certificate and takes none for an answer: which route needs whose is
 * identify.ts. No session is ever resumed, so every connection has shown its certificate in its own handshake.
 */
export function createApiServer(bridge: Bridge, routes: Route[], serving: ServingCertificate): Server {
  const readPeer = peerReader(bridge.authority);
  const sendDownload = limitDownloads();
  const server = createServer(
    {
      ...servingContext(bridge.authority, serving),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: 10_000,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 75_000,
      maxHeaderSize: 16 * 1024,
      connectionsCheckingInterval: 5000,
    },
    (request, response) => void serve({ bridge, routes, readPeer, sendDownload }, request, response),
  );
  server.on('clientError', refuseUnreadable);
  server.maxConnections = MAX_CONNECTIONS;
  limitStrangers(server, (socket) => isMember(readPeer, socket));
  return server;
}

function isMember(readPeer: PeerReader, socket: TLSSocket): boolean {
  try {
    return readPeer(socket).kind !== 'nobody';
  } catch {
    return false;
  }
}

/** Never rejects: nothing that a client sends may end the process. */
async function serve(
  {
    bridge,
    routes,
    readPeer,
    sendDownload,
  }: { bridge: Bridge; routes: Route[]; readPeer: PeerReader; sendDownload: SendDownload },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const from = request.socket.remoteAddress;
  const path = (request.url ?? '').split('?')[0]!;
  const found = findRoute(routes, request.method ?? '', path);
  // A stranger has one request for each connection: only members keep theirs open.
  if (!isMember(readPeer, request.socket as TLSSocket)) response.setHeader('connection', 'close');
  const ended = bridge.metrics.requestSeconds.startTimer({ route: found.route?.path ?? 'none' });
  try {
    const given = await answer(bridge, readPeer, request, found);
    if (given instanceof Download) await sendDownload(response, given);
    else send(request, response, 200, given);
  } catch (error) {
    const refusal = refusalOf(bridge, error);
    bridge.log.info({ route: found.route?.path, code: refusal.code, from }, 'refused');
    if (refusal.status === 405) response.setHeader('allow', found.methods.join(', '));
    if (AGAIN.has(refusal.status)) response.setHeader('retry-after', '1');
    send(request, response, refusal.status, refusal.answer());
  }
  ended({ status: response.statusCode });
}

async function answer(
  bridge: Bridge,
  readPeer: PeerReader,
  request: IncomingMessage,
  { route, methods, name }: ReturnType<typeof findRoute>,
): Promise<unknown> {
  if (methods.length === 0)
    throw new Refusal('notFound', 'no such path: the API is under /v1, and GET /v1/openapi.json describes it');
  if (route === undefined) throw new Refusal('methodNotAllowed', `this path takes ${methods.join(' and ')} only`);
  if (!bridge.loaded()) {
    throw new Refusal('starting', 'the bridge has not read its records from Consul yet: try again');
  }
  const socket = request.socket as TLSSocket;
  const peer = readPeer(socket);
  const known = identify(bridge, route.who, peer);
  if (known !== undefined) bridge.connections.note(known, socket);
  const body = route.body === undefined ? undefined : await readJson(request, route.body);
  // The body may have come slowly. A host that left or was revoked meanwhile is refused.
  const host = identify(bridge, route.who, peer);
  if (route.decides) await requireTenure(bridge);
  if (route.name !== undefined) checked(route.name, name, 'the name of the instance');
  const query = route.query === undefined ? undefined : readQuery(request.url ?? '', route.query);
  const remoteAddress = socket.remoteAddress ?? 'unknown';
  const sentAtMs = Date.parse(request.headers.date ?? '') || undefined;
  const answered = await route.handle({ bridge, body, peer, name, query, remoteAddress, sentAtMs, host: host! });
  // Another bridge may have read the records before this write. It finds the write later, see bridge/reread.ts.
  if (route.decides) await requireTenure(bridge);
  return answered;
}

/** A bridge that has lost its lock decides nothing: the active one would not know of it. Throws a Refusal. */
async function requireTenure(bridge: Bridge): Promise<void> {
  if (!(await bridge.holds()))
    throw new Refusal('starting', 'another bridge has taken over and this one ends: try again, it may be done already');
}

function refusalOf(bridge: Bridge, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof ConsulUnavailable) {
    return new Refusal('consulUnavailable', 'Consul does not answer: try again; running traffic goes on');
  }
  if (error instanceof ConsulDenied || error instanceof ConsulRefused) {
    bridge.log.error({ err: error }, 'Consul refused');
    return new Refusal('consulRefused', error.message);
  }
  bridge.log.error({ err: error }, 'a request failed');
  return new Refusal('internal', 'the bridge failed at this: look at its log');
}

/** Bytes that are not HTTP never reach a route. They get the same shape of answer. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const body = JSON.stringify(new Refusal('badHttp', 'the request cannot be read as HTTP/1.1').answer());
  const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
  socket.end(`${head}\r\nconnection: close\r\n\r\n${body}`);
}

function send(request: IncomingMessage, response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  // The unread rest of a request is dropped: the connection ends with the answer.
  if (!request.complete) response.setHeader('connection', 'close');
  const text = JSON.stringify(body ?? {});
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  endWhenRead(request, response, text);
}
