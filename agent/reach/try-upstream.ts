import { request } from 'node:http';
import { connect } from 'node:net';

import { isHttpListener, protocolErrors } from '../envoy/admin.ts';
import { messageOf } from '../../base/problem.ts';
import { type Tried, judgeAnswer } from './upstream-answer.ts';

const PATIENCE_MS = 5000;
/** Envoy closes a TCP connection that it cannot pass on. */
const HELD_MS = 500;

/**
 * Calls an upstream as the app would, at its local port: GET / where the service speaks HTTP, and any answer of the app counts; else a connection that Envoy holds. Never throws.
 */
export async function tryUpstream(
  adminSocket: string,
  { service, localPort }: { service: string; localPort: number },
): Promise<Tried> {
  try {
    const http = await isHttpListener(adminSocket, localPort, PATIENCE_MS);
    if (http === undefined) return { ok: false, output: 'its Envoy has not got it from Consul yet' };
    if (!http) return await overTcp(localPort);
    const tried = await overHttp(service, localPort);
    const unheard = await protocolErrors(adminSocket, service, PATIENCE_MS).catch(() => 0);
    return unheard === 0 ? tried : { ...tried, output: `${tried.output}; ${oldClients(unheard)}` };
  } catch (error) {
    return { ok: false, output: messageOf(error) };
  }
}

const oldClients = (count: number): string =>
  `since its Envoy began, ${count} connection(s) to this port spoke HTTP/1.0, which is answered with 426, or no HTTP at all: let the client speak HTTP/1.1 (nginx: proxy_http_version 1.1)`;

const MAX_BODY = 1000;

function overHttp(service: string, port: number): Promise<Tried> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const asked = request({ host: '127.0.0.1', port, path: '/', signal, agent: false }, (response) => {
      const { statusCode: status = 0, headers } = response;
      const fromCallee = headers['x-envoy-upstream-service-time'] !== undefined;
      let body = '';
      const judge = (): void => {
        asked.destroy();
        resolve(judgeAnswer(service, { status, body, fromCallee, tookMs: performance.now() - startedMs }));
      };
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part;
        if (body.length > MAX_BODY) judge();
      });
      response.on('end', judge);
    });
    asked.once('error', (error) =>
      signal.aborted ? resolve({ ok: false, output: `no answer within ${PATIENCE_MS / 1000} s` }) : reject(error),
    );
    asked.end();
  });
}

function overTcp(port: number): Promise<Tried> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const timer = setTimeout(() => end({ ok: true, output: `a connection is held for ${HELD_MS} ms` }), HELD_MS);
    const end = (tried: Tried): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(tried);
    };
    socket.once('close', () =>
      end({ ok: false, output: 'Envoy closes the connection: no instance can be reached, or it may not be called' }),
    );
    socket.once('error', reject);
    socket.resume();
  });
}
