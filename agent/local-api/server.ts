import { chmod, rm } from 'node:fs/promises';
import { type IncomingMessage, createServer } from 'node:http';

import { z } from 'zod';

import { Problem, messageOf } from '../../base/problem.ts';
import type { Finding } from '../reach/self-test.ts';
import type { AgentStatus } from './status.ts';
import type { Upgraded } from '../instances/upgrade-envoys.ts';

/** The result of a drain. */
export interface DrainAnswer {
  /** Instances. */
  drained: string[];
  /** Whether the bridge has taken it, so that callers know. */
  told: boolean;
}

/** The calls of the socket, for the CLI. Every user that may write to it (root, and the agent's group) may make all of them. */
export interface LocalApi {
  status(): AgentStatus;
  drain(target: string, waitMs: number): Promise<DrainAnswer>;
  /** The instances that are back. */
  undrain(target: string): Promise<string[]>;
  /** Tries the mesh in both directions. */
  test(): Promise<Finding[]>;
  /** Reads services.d and the host's membership again. */
  reload(): Promise<void>;
  /** Replaces Envoys of another version by the installed one. Throws a Problem. */
  upgradeEnvoys(): Promise<Upgraded[]>;
  /** Ends the agent, as SIGTERM does. */
  stop(): void;
}

const MAX_BODY_BYTES = 64 * 1024;
/** For what is sent to it; an answer may take as long as it takes. */
const PATIENCE = { headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 };
const drainRequest = z.strictObject({ target: z.string().min(1), waitMs: z.int().min(0).max(300_000) });
const undrainRequest = z.strictObject({ target: z.string().min(1) });

/** Serves the API on a unix socket until the signal is aborted. */
export async function serveLocalApi(path: string, api: LocalApi, signal: AbortSignal): Promise<void> {
  await rm(path, { force: true });
  const server = createServer(PATIENCE, (request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify(body));
    };
    route(api, request).then(
      (body) => answer(200, body),
      (error: unknown) =>
        answer(error instanceof Problem || error instanceof z.ZodError ? 400 : 500, {
          message: messageOf(error),
        }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o660);
  signal.addEventListener('abort', () => {
    server.close();
    server.closeAllConnections();
  });
}

async function route(api: LocalApi, request: IncomingMessage): Promise<object> {
  switch (`${request.method} ${request.url}`) {
    case 'GET /status':
      return api.status();
    case 'POST /drain': {
      const { target, waitMs } = drainRequest.parse(await bodyOf(request));
      return api.drain(target, waitMs);
    }
    case 'POST /undrain':
      return { undrained: await api.undrain(undrainRequest.parse(await bodyOf(request)).target) };
    case 'POST /test':
      return { findings: await api.test() };
    case 'POST /upgrade-envoys':
      return { upgraded: await api.upgradeEnvoys() };
    case 'POST /reload':
      await api.reload();
      return api.status();
    case 'POST /stop':
      api.stop();
      return {};
    default:
      throw new Problem(`The agent does not know ${request.method} ${request.url}: is the CLI of another version?`);
  }
}

/** Not by async iteration: leaving that early destroys the connection, and the answer would never arrive. */
function bodyOf(request: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= MAX_BODY_BYTES) return void parts.push(part);
      request.pause();
      request.removeAllListeners('data');
      reject(new Problem('The request is too long.'));
    });
    request.once('end', () => {
      try {
        resolve(JSON.parse(Buffer.concat(parts).toString('utf8')));
      } catch {
        reject(new Problem('The request is not JSON.'));
      }
    });
    request.once('close', () => reject(new Problem('The request ended too early.')));
  });
}
