import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient, type KubeClient } from '../../../../clients/kube/client.ts';
import { systemClock } from '../../../../base/clock.ts';
import { readCredentials } from '../../../../clients/kube/credentials.ts';
import { KubeConfig } from '@kubernetes/client-node';

export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export type Step = (request: Seen, response: http.ServerResponse) => void;

export interface ScriptedServer {
  client: KubeClient;
  /** A client that waits that long for an answer. */
  waiting(timeoutMs: number): KubeClient;
  url: string;
  seen: Seen[];
  close(): Promise<void>;
}

/** A loopback server that answers by `answer` and remembers what it was asked. */
export async function startScriptedServer(answer: Step): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://server');
      const one = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body,
      };
      seen.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = readCredentials(() => plainConfig(url), systemClock);
  const waiting = (timeoutMs?: number): KubeClient =>
    createClient({ server: url, namespace: 'default', credentials, timeoutMs });
  return {
    client: waiting(),
    waiting,
    url,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function plainConfig(server: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'test', server, skipTLSVerify: true }, { name: 'test' });
  return config;
}

export function json(
  response: http.ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function status(response: http.ServerResponse, code: number, reason: string, message = ''): void {
  json(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });
}

/** Waits until `ready` gives something other than undefined or false; fails after `withinMs`. */
export async function until<T>(what: string, ready: () => T | undefined | false, withinMs = 15_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = ready();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
