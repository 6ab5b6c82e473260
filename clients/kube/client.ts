import type http from 'node:http';
import { systemClock } from '../../base/clock.ts';
import { loadKubeConfig, namespaceOf, type KubeConfigSource } from './config.ts';
import { readCredentials, type CredentialsReader } from './credentials.ts';
import { errorOfStatus, errorOfTransport, type KubeError, type Status } from './errors.ts';
import { followAbort } from '../../base/follow-abort.ts';
import { nameOf, openHttp, readBody } from './http.ts';
import { objectVerbs, type ObjectVerbs } from './verbs.ts';
import type { Query, RequestOptions, StreamOptions } from './request.ts';

/** All requests to one API server. Every method throws KubeError, or the reason of `signal` when that aborts. */
export interface KubeClient extends ObjectVerbs {
  /** The namespace of the context; inside a cluster the pod's own. Nothing falls back to it by itself. */
  readonly namespace: string;
  /** The server's URL, for messages. */
  readonly server: string;
  /** One exchange of JSON. `undefined` when the server answers with no body. */
  request<T>(method: string, path: string, options?: RequestOptions): Promise<T>;
  /** Opens a long answer (a watch, a log): resolves with its head, then the bytes come. No timeout but `signal`. */
  stream(path: string, options?: StreamOptions): Promise<AsyncIterable<Uint8Array>>;
  /** The server's clock in ms, cut to whole seconds, from the Date header of an answer; undefined without one. */
  dateMs(): Promise<number | undefined>;
}

const defaultTimeoutMs = 30_000;
const maxAnswerBytes = 256 * 1024 * 1024;
const maxErrorBytes = 1024 * 1024;

/** A client for the API server named by `source`. Reads files, sends nothing yet. Throws a `fix` KubeError without a usable configuration. */
export function connectKube(source: KubeConfigSource = {}, options: { timeoutMs?: number } = {}): KubeClient {
  const config = loadKubeConfig(source);
  const server = config.getCurrentCluster()!.server.replace(/\/+$/, '');
  const credentials = readCredentials(() => loadKubeConfig(source), systemClock);
  return createClient({ server, namespace: namespaceOf(config, source), credentials, ...options });
}

export function createClient(target: {
  server: string;
  namespace: string;
  credentials: CredentialsReader;
  /** The limit of a request that names none of its own. Default 30 000. */
  timeoutMs?: number;
}): KubeClient {
  const { server, namespace, credentials } = target;

  async function open(
    method: string,
    path: string,
    options: RequestOptions,
    use: 'requests' | 'watches',
  ): Promise<http.IncomingMessage> {
    const { headers, agents } = await credentials.get();
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const content: Record<string, string> =
      body === undefined ? {} : { 'Content-Type': options.contentType ?? 'application/json' };
    const url = server + path + queryString(options.query);
    const accept = { Accept: options.accept ?? 'application/json', 'User-Agent': 'landbridge' };
    return openHttp({
      method,
      url,
      headers: { ...headers, ...accept, ...content },
      body,
      agent: agents[use],
      signal: options.signal,
    });
  }

  /** As `open`, but reads the credentials and asks again when the server refuses the ones at hand. */
  async function openAuthorised(...args: Parameters<typeof open>): Promise<http.IncomingMessage> {
    const response = await open(...args);
    if (response.statusCode !== 401) return response;
    response.resume();
    credentials.expire();
    return open(...args);
  }

  async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const name = nameOf(method, server + path);
    const timeoutMs = options.timeoutMs ?? target.timeoutMs ?? defaultTimeoutMs;
    return withDeadline(name, timeoutMs, options.signal, async (signal) => {
      const response = await openAuthorised(method, path, { ...options, signal }, 'requests');
      const failed = (response.statusCode ?? 0) >= 300;
      const text = await readBody(name, response, failed ? maxErrorBytes : maxAnswerBytes);
      if (failed) throw errorOfAnswer(name, response, text);
      return (text === '' ? undefined : parse(name, text)) as T;
    });
  }

  async function stream(path: string, options: StreamOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const name = nameOf('GET', server + path);
    const response = await openAuthorised('GET', path, options, 'watches');
    if (response.statusCode === 200) return response;
    throw errorOfAnswer(name, response, await readBody(name, response, maxErrorBytes));
  }

  async function dateMs(): Promise<number | undefined> {
    const name = nameOf('GET', `${server}/version`);
    return withDeadline(name, defaultTimeoutMs, undefined, async (signal) => {
      const response = await openAuthorised('GET', '/version', { signal }, 'requests');
      await readBody(name, response, maxErrorBytes);
      const date = Date.parse(response.headers.date ?? '');
      return Number.isNaN(date) ? undefined : date;
    });
  }

  return { namespace, server, request, stream, dateMs, ...objectVerbs(request) };
}

/** Runs `work` with a signal that follows `outer` and ends after `timeoutMs`, leaving no listener behind on `outer`. */
async function withDeadline<T>(
  name: string,
  timeoutMs: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
) {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(errorOfTransport(name, 'Timeout', `no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  const forget = followAbort(outer, () => controller.abort(outer?.reason));
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
    forget();
  }
}

function errorOfAnswer(name: string, response: http.IncomingMessage, text: string): KubeError {
  const retryAfter = Number(response.headers['retry-after']);
  return errorOfStatus(
    name,
    response.statusCode ?? 0,
    statusOf(text),
    Number.isFinite(retryAfter) ? retryAfter : undefined,
  );
}

/** The body of a failure: a `Status`, or the words of whatever stands in front of the API server. */
function statusOf(text: string): Status {
  try {
    const status = JSON.parse(text) as Status | null;
    if (status !== null && typeof status === 'object') return status;
  } catch {
    // Not JSON: fall through to the text itself.
  }
  return { message: text.trim().slice(0, 200) };
}

function parse(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw errorOfTransport(name, 'BadResponse', 'the answer is not JSON');
  }
}

function queryString(query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return pairs.length === 0
    ? ''
    : `?${new URLSearchParams(Object.fromEntries(pairs.map(([name, value]) => [name, String(value)])))}`;
}
