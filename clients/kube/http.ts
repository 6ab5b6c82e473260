import http from 'node:http';
import https from 'node:https';
import { KubeError, errorOfTransport } from './errors.ts';
import { followAbort } from '../../base/follow-abort.ts';

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
  agent: http.Agent;
  /** Aborting it ends the request, and the answer while it is being read. */
  signal?: AbortSignal;
}

/** Idempotent methods of RFC 9110, 9.2.2: a second request changes nothing more. */
const repeatable = new Set(['GET', 'PUT', 'DELETE']);

/**
 * Sends a request and gives the answer as soon as its head is there; the body is still to be read. Throws the reason
 * of `signal` when that aborts, else a `retry` KubeError when no answer comes.
 */
export function openHttp(request: HttpRequest): Promise<http.IncomingMessage> {
  const { method, url, headers, body, agent, signal } = request;
  const name = nameOf(method, url);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const sender = url.startsWith('https:') ? https : http;
    const length: Record<string, string> =
      body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const outgoing = sender.request(url, { method, agent, headers: { ...headers, ...length } });
    let answer: http.IncomingMessage | undefined;
    const forget = followAbort(signal, () => (answer ?? outgoing).destroy(signal?.reason));
    outgoing.on('error', (error) => {
      forget();
      // The server closed a kept connection while the request was on its way. Each try uses up one old connection, so this
      // ends; a POST or PATCH may have been done, and is the caller's to judge.
      const again = outgoing.reusedSocket && repeatable.has(method) && !signal?.aborted;
      if (again && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return resolve(openHttp(request));
      reject(signal?.aborted ? signal.reason : errorOfTransport(name, 'Unreachable', error));
    });
    outgoing.on('response', (response) => {
      answer = response;
      // Without a listener an error that comes after the reader left would end the process.
      response.on('error', () => undefined);
      response.once('close', forget);
      resolve(response);
    });
    outgoing.end(body);
  });
}

/** Reads a body whole, as UTF-8. Throws a `retry` KubeError when it is cut short or longer than `maxBytes`. */
export async function readBody(request: string, response: http.IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes)
        throw errorOfTransport(request, 'BadResponse', `the answer is longer than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof KubeError ? error : errorOfTransport(request, 'Unreachable', error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** How a request is called in errors: verb and path, no query (a continue token is long and says nothing). */
export function nameOf(method: string, url: string): string {
  return `${method} ${new URL(url).pathname}`;
}
