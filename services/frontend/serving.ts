import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { rename, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { formatServedBy } from './instance.ts';
import type { Instance } from './instance.ts';
import type { Log } from './log.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';
import type { Route } from './routes.ts';
import type { Settings } from './settings.ts';

const inFlightGraceMs = 15_000;

export interface Serving {
  readonly port: number;
  /** Resolves with whether everything that was in flight got its answer. */
  readonly stop: () => Promise<boolean>;
}

/**
 * One HTTP server from its start to its graceful stop. Rejects when it cannot listen.
 *
 *   serving --stop()--> draining: health 503, answers say Connection: close --drainMs--> listener closed
 *                                                                           --nothing in flight--> done
 */
export async function startServing(self: Instance, settings: Settings, route: Route, log: Log): Promise<Serving> {
  let draining = false;
  const server = createServer((request, response) => {
    const reply =
      request.url === '/healthz' ? Promise.resolve(health(draining)) : routed(route, request, response, log);
    // Whether we drain is asked when the answer is written, not when the request came.
    void reply.then((ready) => write(response, ready, self, draining));
  });
  // Longer than Envoy's hour, so that the client is the one to close an idle connection and never writes into one that
  // was just closed. The rest are bounds.
  server.keepAliveTimeout = 65 * 60_000;
  server.requestTimeout = 20_000;
  server.maxConnections = 1024;
  const port = await listen(server, settings);
  if (settings.portFile) await announce(settings.portFile, port);
  const stop = async () => {
    draining = true;
    await pause(settings.drainMs);
    return close(server);
  };
  return { port, stop };
}

async function routed(route: Route, request: IncomingMessage, response: ServerResponse, log: Log): Promise<Reply> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  try {
    const reply = await route(request, left.signal);
    if (reply.status >= 500)
      log('error', 'request failed', {
        path: request.url,
        requestId: request.headers['x-request-id'],
        answer: reply.body,
      });
    return reply;
  } catch (error) {
    if (!left.signal.aborted) log('error', 'request failed', { path: request.url, cause: String(error) });
    return errorReply(500, 'the frontend failed to answer');
  }
}

function health(draining: boolean): Reply {
  return draining ? { status: 503, body: { status: 'draining' } } : { status: 200, body: { status: 'ok' } };
}

function write(response: ServerResponse, reply: Reply, self: Instance, draining: boolean): void {
  const body = JSON.stringify(reply.body);
  response.writeHead(reply.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-served-by': formatServedBy(self),
    ...reply.headers,
    ...(draining ? { connection: 'close' } : {}),
  });
  response.end(body);
}

function listen(server: Server, settings: Settings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: settings.port, host: settings.bindAddress, backlog: 256 }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : settings.port);
    });
  });
}

/** Readers see the old file or the whole new one, never half of it. */
async function announce(portFile: string, port: number): Promise<void> {
  await writeFile(`${portFile}.new`, `${port}\n`);
  await rename(`${portFile}.new`, portFile);
}

function close(server: Server): Promise<boolean> {
  return new Promise((resolve) => {
    const giveUp = setTimeout(() => resolve(false), inFlightGraceMs);
    server.close(() => {
      clearTimeout(giveUp);
      resolve(true);
    });
  });
}
