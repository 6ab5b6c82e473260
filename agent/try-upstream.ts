import { request } from 'node:http';
import { connect } from 'node:net';

import { isHttpListener, protocolErrors } from './envoy-admin.ts';
import { messageOf } from './problem.ts';

export interface Tried {
  ok: boolean;
  /** One line. */
  output: string;
}

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
    const tried = await overHttp(localPort);
    const unheard = await protocolErrors(adminSocket, service, PATIENCE_MS).catch(() => 0);
    return unheard === 0 ? tried : { ...tried, output: `${tried.output}; ${oldClients(unheard)}` };
  } catch (error) {
    return { ok: false, output: messageOf(error) };
  }
}

const oldClients = (count: number): string =>
  `since its Envoy began, ${count} connection(s) to this port spoke HTTP/1.0, which is answered with 426, or no HTTP at all: let the client speak HTTP/1.1 (nginx: proxy_http_version 1.1)`;

/** Envoy's own words, for 503 and 403 (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/rbac_filter). */
const UNREACHED = /no healthy upstream|upstream connect error/;
const DENIED = /RBAC: access denied/;

function overHttp(port: number): Promise<Tried> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const asked = request({ host: '127.0.0.1', port, path: '/', signal, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part;
        if (body.length > 1000) judge();
      });
      response.on('end', () => judge());
      const judge = (): void => {
        asked.destroy();
        const took = `GET / answered ${status} in ${Math.round(performance.now() - startedMs)} ms`;
        if (status === 503 && UNREACHED.test(body))
          resolve({ ok: false, output: `no instance can be reached (${took})` });
        else if (status === 403 && DENIED.test(body))
          resolve({
            ok: false,
            output: `it may not be called: name this service in spec.access of its MeshService (${took})`,
          });
        else resolve({ ok: true, output: took });
      };
    });
    asked.once('error', reject);
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
