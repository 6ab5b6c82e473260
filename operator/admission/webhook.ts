import { type Server, createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { KeyPair } from '../../clients/pki/authority.ts';
import type { Log } from '../../base/log.ts';
import { VALIDATOR_PATH, WEBHOOK_PATH } from '../../mesh/installation/installation.ts';
import { isShaped, readReview } from './admission-shape.ts';
import type { AdmissionRequest, AdmissionResponse, Reviewed } from './review.ts';
import type { ValidationRequest } from './validate.ts';
import { MAX_CONNECTIONS, type Room, limitConnections, webhookRoom } from './webhook-room.ts';

/** A pod is at most 1.5 MiB in etcd; an AdmissionReview carries it twice at most. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Default of `patienceMs`. For each of: a TLS handshake, headers, a whole request, and bytes that nobody takes. The API server sends all at once. */
const PATIENCE_MS = 10_000;

export interface WebhookOptions {
  port: number;
  /** Default: all addresses. */
  host?: string;
  certificate: KeyPair;
  review: (request: AdmissionRequest) => Reviewed;
  validate: (request: ValidationRequest) => AdmissionResponse;
  onReview?: (reviewed: Reviewed, seconds: number) => void;
  /** Default: more than the API servers of a cluster have open at once. */
  maxConnections?: number;
  /** How long a TLS handshake, headers, a request, or a byte that nobody takes may last. */
  patienceMs?: number;
  log: Log;
}

export interface Webhook {
  port: number;
  /** Takes effect for new connections at once; open ones go on. */
  useCertificate(certificate: KeyPair): void;
  close(): Promise<void>;
}

/** Serves `POST /mutate` (pods) and `POST /validate` (MeshServices) over TLS. */
export async function serveWebhook(options: WebhookOptions): Promise<Webhook> {
  const { log, patienceMs = PATIENCE_MS } = options;
  const room = webhookRoom();
  const server = createServer(
    {
      ...secureContext(options.certificate),
      keepAlive: true,
      handshakeTimeout: patienceMs,
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      // How often the two above are looked at; by default every 30 s.
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      void answer(options, room, request, response).catch((error: unknown) => {
        if (request.destroyed && !request.complete) return;
        log.error({ err: error }, 'an admission review failed');
        reply(response, 500, { message: 'the landbridge webhook failed; its log says why' });
      });
    },
  );
  server.timeout = patienceMs;
  server.keepAliveTimeout = 120_000;
  limitConnections(server, options.maxConnections ?? MAX_CONNECTIONS);
  await listen(server, options);
  return {
    port: (server.address() as { port: number }).port,
    useCertificate: (certificate) => server.setSecureContext(secureContext(certificate)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 2000).unref();
      }),
  };
}

const secureContext = ({ certPem, keyPem }: KeyPair) => ({
  cert: certPem,
  key: keyPem,
  minVersion: 'TLSv1.2' as const,
});

const listen = (server: Server, { port, host }: WebhookOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });

async function answer(
  options: WebhookOptions,
  room: Room,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const held = room.enter(request.socket);
  response.once('close', () => held.end());
  const started = performance.now();
  const path = request.url?.split('?')[0];
  if (request.method !== 'POST' || (path !== WEBHOOK_PATH && path !== VALIDATOR_PATH)) {
    return refuse(response, 404, { message: `only POST ${WEBHOOK_PATH} and ${VALIDATOR_PATH} are served here` });
  }
  const body = await readBody(request, (bytes) => held.hold(bytes));
  if (body === 'tooLarge') return refuse(response, 413, { message: `the body exceeds ${MAX_BODY_BYTES} bytes` });
  const admission = parseReview(body);
  if (admission === undefined)
    return refuse(response, 400, { message: 'the body is not an admission.k8s.io/v1 AdmissionReview' });
  const answered = (answer: AdmissionResponse): void =>
    held.hold(reply(response, 200, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
  try {
    if (path === VALIDATOR_PATH) return answered(options.validate(admission as ValidationRequest));
    const reviewed = options.review(admission);
    answered(reviewed.response);
    options.onReview?.(reviewed, (performance.now() - started) / 1000);
  } catch (error) {
    const { kind, object } = admission;
    if (isShaped(kind.kind, object)) throw error;
    refuse(response, 400, {
      message: `the object of the AdmissionReview has not the shape of a ${kind.kind.slice(0, 63)}`,
    });
  }
}

/** Not by async iteration: leaving that early destroys the connection, and the refusal would never arrive. */
function readBody(request: IncomingMessage, hold: (bytes: number) => void): Promise<string | 'tooLarge'> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return Promise.resolve('tooLarge');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.pause();
        request.removeAllListeners('data');
        return resolve('tooLarge');
      }
      hold(chunk.length);
      chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the connection ended before the body did')));
  });
}

function parseReview(body: string): AdmissionRequest | undefined {
  try {
    return readReview(JSON.parse(body)) as AdmissionRequest | undefined;
  } catch {
    return undefined;
  }
}

/** Answers, and says how many bytes. */
function reply(response: ServerResponse, code: number, body: object): number {
  if (response.headersSent) return 0;
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': length });
  response.end(text);
  return length;
}

/** No API server sends such a request, so the connection is closed, and the rest of the request is not read. */
function refuse(response: ServerResponse, code: number, body: object): void {
  response.setHeader('connection', 'close');
  // A request that was not read to its end has lost its socket already, which then is closed.
  response.once('finish', () => (response.req.socket as Socket | null)?.destroySoon());
  reply(response, code, body);
}
