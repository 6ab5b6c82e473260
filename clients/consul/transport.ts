import { EventEmitter } from 'node:events';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext } from 'node:tls';
import consulPackage from 'consul';
import { askAgain } from './ask-again.ts';
import type { ConsulOptions } from './consul.ts';
import { ConsulUnavailable } from './errors.ts';
import { refusal } from './refusal.ts';

/**
 * The npm package `consul` as HTTP transport, and the only file that imports it. Its high-level calls are not used:
 * catalog.register drops Proxy and more, and config entries, ACLs and node-services are missing.
 */
export interface ConsulRequest {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below /v1, each segment already encoded. */
  path: string;
  query?: Record<string, string | number>;
  /** Sent as JSON; a Buffer is sent as it is. */
  body?: unknown;
  /** Instead of ConsulOptions.token; the empty string sends none. */
  token?: string;
  /** No error shows these words, even when Consul repeats them. The token is always among them. */
  secrets?: string[];
  /** Statuses that are an answer and no error. Default: only 2xx. */
  accept?: number[];
  /** Whether sending it twice does no harm. Default: for GET only. */
  repeatable?: boolean;
  /** The body of the answer is a Buffer; undefined when it is empty. Default: JSON is parsed. */
  raw?: true | undefined;
}

export interface ConsulReply {
  status: number;
  body: unknown;
  /** X-Consul-Index: grows with each change of what was asked for. */
  index: string | undefined;
  /** Consul left something out because the token may not read it. */
  filtered: boolean;
  /** No token was sent to a cluster that denies by default: Consul does not say then whether it left something out. */
  anonymous: boolean;
}

export interface Transport {
  send(request: ConsulRequest): Promise<ConsulReply>;
  close(): void;
}

interface RawResponse {
  statusCode: number;
  headers: Record<string, string | undefined>;
  body?: unknown;
}
interface PapiExchange {
  err?: Error & { isResponse?: boolean };
  res?: RawResponse;
}
type PapiNext = (stop: false, error?: Error, value?: unknown) => void;
interface Papi {
  _request(
    options: Record<string, unknown>,
    last: (exchange: PapiExchange, next: PapiNext) => void,
  ): Promise<RawResponse>;
  destroy(): void;
}
interface Server {
  address: string;
  papi: Papi;
  /** Makes a connection for each request: a kept one may lead to the server that is gone. */
  fresh: Papi;
}

/** Sockets a server: far below the 200 connections a Consul server allows one client. */
const MAX_SOCKETS = 16;
const DEFAULT_TIMEOUT_MS = 5000;
const ASK_AGAIN_MS = 1500;
export function openTransport(options: ConsulOptions): Transport {
  if (options.addresses.length === 0)
    throw new TypeError('ConsulOptions.addresses is empty; name at least one host:port');
  const servers = options.addresses.map((address) => ({
    address,
    papi: openPapi(address, options, true),
    fresh: openPapi(address, options, false),
  }));
  const timeoutMs = options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  let preferred = 0;
  const patiently = askAgain(options.askAgainMs ?? ASK_AGAIN_MS);

  async function ask(server: Server, request: ConsulRequest, token: string, repeatable: boolean): Promise<Exchanged> {
    // A blocking query waits on purpose.
    if (!repeatable || request.query?.['index'] !== undefined)
      return exchange(server.papi, request, token, timeoutMs, options.signal, repeatable);
    return patiently((turn, signal) => {
      const papi = turn === 0 ? server.papi : server.fresh;
      return exchange(papi, request, token, timeoutMs, signal, repeatable);
    }, options.signal);
  }

  async function send(request: ConsulRequest): Promise<ConsulReply> {
    const what = `${request.method} /v1${request.path}`;
    const token = request.token ?? options.token?.() ?? '';
    const hide = redactor([token, ...(request.secrets ?? [])]);
    const repeatable = request.repeatable ?? request.method === 'GET';
    const failures: string[] = [];
    const first = preferred;
    for (let turn = 0; turn < servers.length; turn++) {
      const at = (first + turn) % servers.length;
      const server = servers[at]!;
      const result = await ask(server, request, token, repeatable);
      if ('reply' in result) {
        const { status } = result.reply;
        if ((status >= 200 && status < 300) || request.accept?.includes(status)) {
          preferred = at;
          return result.reply;
        }
        const error = refusal(what, status, hide(sentenceOf(result.reply.body)));
        if (!(error instanceof ConsulUnavailable)) {
          preferred = at;
          throw error;
        }
        failures.push(`${server.address}: ${error.message}`);
        if (!repeatable && status >= 500) break;
      } else {
        failures.push(`${server.address} ${hide(result.failure)}`);
        if (options.signal?.aborted) throw new ConsulUnavailable(`${what} was given up: the client is closing`);
        if (result.sent && !repeatable) {
          throw new ConsulUnavailable(
            `Consul did not answer ${what}, so it may or may not be done: ${failures.join('; ')}`,
          );
        }
      }
    }
    throw new ConsulUnavailable(
      `No Consul server could serve ${what}: ${failures.join('; ')}; check that the servers run and can be reached`,
    );
  }

  return {
    send,
    close: () => servers.flatMap(({ papi, fresh }) => [papi, fresh]).forEach((papi) => papi.destroy()),
  };
}

function openPapi(address: string, options: ConsulOptions, keepAlive: boolean): Papi {
  const scheme = options.scheme ?? 'https';
  const url = new URL(`${scheme}://${address}`);
  // The package hands `[::1]` to the resolver with its brackets; an agent's own host wins over the request's.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const common = { keepAlive, maxSockets: MAX_SOCKETS, host };
  const agent =
    scheme === 'http'
      ? new HttpAgent(common)
      : new HttpsAgent({
          ...common,
          // Made once: parsing a CA for each connection costs more than all the rest of a request that nobody answers.
          secureContext: createSecureContext({ ca: options.caPem }),
          servername: options.serverName ?? tlsName(host),
        });
  const client = new consulPackage({ host: url.hostname, port: Number(url.port), secure: scheme === 'https', agent });
  return client as unknown as Papi;
}

/** Server name indication must not be an IP address (RFC 6066, section 3); Node then checks the address itself. */
const tlsName = (host: string): string => (/^[\d.]+$|:/.test(host) ? '' : host);

type Exchanged = { reply: ConsulReply } | { failure: string; sent: boolean };

async function exchange(
  papi: Papi,
  request: ConsulRequest,
  token: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  repeatable: boolean,
): Promise<Exchanged> {
  const once = await exchangeOnce(papi, request, token, timeoutMs, signal);
  // A kept connection may have been closed by the server just as it was used.
  return 'failure' in once && once.reset && repeatable && !signal?.aborted
    ? exchangeOnce(papi, request, token, timeoutMs, signal)
    : once;
}

async function exchangeOnce(
  papi: Papi,
  request: ConsulRequest,
  token: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<{ reply: ConsulReply } | { failure: string; sent: boolean; reset: boolean }> {
  if (signal?.aborted) return { failure: 'was not asked', sent: false, reset: false };
  const ctx = new EventEmitter();
  const cancel = (): boolean => ctx.emit('cancel');
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const res = await papi._request(
      {
        method: request.method,
        path: request.path,
        query: request.query ?? {},
        headers: token === '' ? {} : { 'x-consul-token': token },
        body: request.body,
        timeout: timeoutMs,
        buffer: request.raw === true,
        ctx,
      },
      // Every status is an answer. Only a broken exchange is an error here.
      ({ err, res: response }, next) =>
        err !== undefined && err.isResponse !== true ? next(false, err) : next(false, undefined, response),
    );
    const filtered = res.headers['x-consul-results-filtered-by-acls'] === 'true';
    const anonymous = token === '' && res.headers['x-consul-default-acl-policy'] === 'deny';
    const index = res.headers['x-consul-index'];
    return { reply: { status: res.statusCode, body: res.body, index, filtered, anonymous } };
  } catch (error) {
    return failureOf(error as NodeJS.ErrnoException & { isTimeout?: boolean }, timeoutMs);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

const NEVER_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPROTO|CERT_|ERR_TLS|ERR_SSL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)/;

function failureOf(
  error: NodeJS.ErrnoException & { isTimeout?: boolean },
  timeoutMs: number,
): { failure: string; sent: boolean; reset: boolean } {
  const code = error.code ?? '';
  const sent = !(NEVER_SENT.test(code) || error.syscall === 'connect');
  const failure = error.isTimeout
    ? `did not answer within ${timeoutMs} ms`
    : code === 'ECONNREFUSED'
      ? 'refused the connection'
      : `failed (${error.message.replace(/^consul: /, '')})`;
  return { failure, sent, reset: code === 'ECONNRESET' || code === 'EPIPE' };
}

function redactor(secrets: string[]): (text: string) => string {
  const known = secrets.filter((secret) => secret.length > 0);
  return (text) => known.reduce((shown, secret) => shown.replaceAll(secret, '<redacted>'), text);
}

function sentenceOf(body: unknown): string {
  if (typeof body === 'string') return body.trim();
  if (Buffer.isBuffer(body)) return body.toString('utf8').trim();
  return body === undefined ? '' : JSON.stringify(body);
}
