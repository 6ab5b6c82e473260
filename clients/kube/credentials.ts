import http from 'node:http';
import https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../base/clock.ts';
import { KubeError } from './errors.ts';

/** The options of a request besides its content. */
interface Credentials {
  headers: Record<string, string>;
  agents: Agents;
}

/** Watches hold a connection each for minutes, so they must not use up those of the requests. */
interface Agents {
  requests: http.Agent;
  watches: http.Agent;
}

export interface CredentialsReader {
  /** The current credentials: read again when older than `maxAgeMs`. */
  get(): Promise<Credentials>;
  /** Forgets them, since the server refused them: the next `get` reads every file again. */
  expire(): void;
}

/** Below the 90 s after which the API server drops idle connections, so that none is reused while it is being closed. */
const idleConnectionMs = 30_000;
const maxRequestConnections = 16;

/**
 * Reads credentials through `load`, again every `maxAgeMs` (default 30 s): projected service account tokens and client
 * certificates are rotated on disk. Connections are kept as long as the TLS part stays the same. When reading fails the
 * old credentials serve on (kubelet swaps the files; the server is the judge of their age); the first failure throws.
 */
export function readCredentials(
  load: () => KubeConfig,
  clock: Pick<Clock, 'steady'>,
  maxAgeMs = 30_000,
): CredentialsReader {
  let current: Credentials | undefined;
  let config: KubeConfig | undefined;
  let readAt = -Infinity;
  let reading: Promise<Credentials> | undefined;
  let tlsPart = '';

  async function read(): Promise<Credentials> {
    const options: https.RequestOptions = {};
    if (!config || !cachesTokens(config)) config = load();
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    const part = JSON.stringify([ca, cert, key, servername, rejectUnauthorized].map((item) => item?.toString()));
    const proxied = config.getCurrentCluster()?.proxyUrl !== undefined;
    const agents =
      current && part === tlsPart
        ? current.agents
        : proxied
          ? { requests: options.agent as http.Agent, watches: options.agent as http.Agent }
          : newAgents(config.getCurrentCluster()!.server, { ca, cert, key, servername, rejectUnauthorized });
    tlsPart = part;
    readAt = clock.steady();
    return { headers: headersOf(options), agents };
  }

  return {
    async get() {
      if (current && clock.steady() - readAt < maxAgeMs) return current;
      reading ??= read().finally(() => (reading = undefined));
      try {
        current = await reading;
      } catch (error) {
        if (!current) throw noCredentials(error);
      }
      return current;
    },
    expire() {
      readAt = -Infinity;
      config = undefined;
    },
  };
}

/** Plugins that fetch tokens are slow, and KubeConfig keeps what they gave until it expires: as long as it lives itself. */
function cachesTokens(config: KubeConfig): boolean {
  const user = config.getCurrentUser();
  return Boolean(user?.exec || (user?.authProvider && !user.authProvider.config?.tokenFile));
}

function noCredentials(error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  const message = `cannot read the credentials: ${(error as Error).message}`;
  return new KubeError({ code: 0, reason: 'NoCredentials', kind: 'fix', message });
}

function newAgents(server: string, tls: https.AgentOptions): Agents {
  const shared = { keepAlive: true, timeout: idleConnectionMs };
  if (server.startsWith('http:')) {
    return {
      requests: new http.Agent({ ...shared, maxSockets: maxRequestConnections }),
      watches: new http.Agent(shared),
    };
  }
  return {
    requests: new https.Agent({ ...shared, ...tls, maxSockets: maxRequestConnections }),
    watches: new https.Agent({ ...shared, ...tls }),
  };
}

function headersOf(options: https.RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries((options.headers ?? {}) as http.OutgoingHttpHeaders)) {
    // A token file may end in a newline, which no header may hold.
    if (value !== undefined) headers[name] = String(value).trim();
  }
  if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return headers;
}
