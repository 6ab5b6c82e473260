import { Agent, request } from 'node:https';
import { type Socket, isIP } from 'node:net';
import { type PeerCertificate, checkServerIdentity } from 'node:tls';

import type { ErrorAnswer } from '../mesh/outside/bridge-api.ts';
import { BRIDGE_SERVICE } from '../mesh/installation/installation.ts';

import { type Address, parseAddress } from './machine/address.ts';
import { Problem, codeOf, messageOf } from '../base/problem.ts';

/** The bridge answered, and said no. Asking another bridge would not change it. */
export class BridgeRefusal extends Error {
  override readonly name = 'BridgeRefusal';
  readonly status: number;
  readonly code: string;
  constructor(status: number, { code, message }: ErrorAnswer) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** No bridge gave an answer. The message names each address and what happened there. */
export class BridgeUnreachable extends Error {
  override readonly name = 'BridgeUnreachable';
}

interface Credentials {
  bridgeCa: string;
  /** The host's certificate and key, PEM; absent before the first join. */
  certificate?: string;
  key?: string;
}

export interface BridgeClient {
  /** Asks the bridges in turn, beginning with the one that answered last. */
  post<T>(path: string, body: object): Promise<T>;
  /** From now on with other credentials, over new connections. */
  use(credentials: Credentials): void;
  /** How far this machine's clock is ahead of the bridge's, ms, by its last answer; undefined: it has not answered. */
  skewMs(): number | undefined;
  /** The bridge that answered last, or the first. */
  bridge(): string;
  close(): void;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export interface BridgeClientOptions {
  /** `host:port`. */
  bridges: string[];
  credentials: Credentials;
  limits: () => { connectMs: number; answerMs: number };
  /** At a time; further requests wait. Default: 1. */
  connections?: number;
  /** The other side ended a connection on which nothing was under way. */
  onHungUp?: () => void;
  /** Wall clock, ms. Default: the machine's. */
  now?: () => number;
}

export function makeBridgeClient({
  bridges,
  credentials,
  limits,
  connections: sockets = 1,
  onHungUp = () => undefined,
  now = Date.now,
}: BridgeClientOptions): BridgeClient {
  const addresses = bridges.map((text) => {
    const address = parseAddress(text);
    if (address === undefined) throw new Problem(`${text} is not a bridge address: host:port is wanted.`);
    return { text, address };
  });
  let current = 0;
  let skewMs: number | undefined;
  const heard = (date: string | undefined): void => {
    const atMs = Date.parse(date ?? '');
    if (!Number.isNaN(atMs)) skewMs = now() - atMs;
  };
  let underWay = 0;
  let closed = false;
  const open = (next: Credentials): Agent => {
    const agent = connectionsWith(next, sockets, () => {
      const byUs = closed || agent !== connections;
      if (!byUs && underWay === 0) onHungUp();
    });
    return agent;
  };
  let connections = open(credentials);

  return {
    async post<T>(path: string, body: object): Promise<T> {
      const failures: string[] = [];
      underWay += 1;
      try {
        for (let tried = 0; tried < addresses.length; tried += 1) {
          const { text, address } = addresses[current]!;
          try {
            const sent = { path, body: JSON.stringify(body), date: new Date(now()).toUTCString() };
            return (await ask(address, connections, sent, limits(), heard)) as T;
          } catch (error) {
            if (error instanceof BridgeRefusal && error.status < 500) throw error;
            failures.push(`${text}: ${sentence(error)}`);
            current = (current + 1) % addresses.length;
          }
        }
      } finally {
        underWay -= 1;
      }
      throw new BridgeUnreachable(`No bridge answers (${failures.join('; ')}).`);
    },
    use(next) {
      const before = connections;
      connections = open(next);
      before.destroy();
    },
    skewMs: () => skewMs,
    bridge: () => addresses[current]!.text,
    close() {
      closed = true;
      connections.destroy();
    },
  };
}

/** `onClose`: a connection that was idle at least once has ended, at either side. */
function connectionsWith({ bridgeCa, certificate, key }: Credentials, maxSockets: number, onClose: () => void): Agent {
  const agent = new Agent({
    keepAlive: true,
    maxSockets,
    ca: bridgeCa,
    cert: certificate,
    key,
    minVersion: 'TLSv1.3',
    checkServerIdentity: checkBridge,
  });
  const known = new WeakSet<Socket>();
  agent.on('free', (socket: Socket) => {
    if (known.has(socket)) return;
    known.add(socket);
    socket.once('close', onClose);
  });
  return agent;
}

/** The bridge authority issues server certificates to bridges only; its name, or the address dialled, must be in it. */
export function checkBridge(host: string, certificate: PeerCertificate): Error | undefined {
  return checkServerIdentity(BRIDGE_SERVICE, certificate) && checkServerIdentity(host, certificate);
}

interface Sent {
  path: string;
  /** JSON. */
  body: string;
  /** The time here, as HTTP spells it: the bridge tells a clock that is wrong. */
  date: string;
}

async function ask(
  to: Address,
  agent: Agent,
  sent: Sent,
  limits: { connectMs: number; answerMs: number },
  heard: (date: string | undefined) => void,
): Promise<unknown> {
  try {
    return await attempt(to, agent, sent, limits, heard);
  } catch (error) {
    // The bridge may close an idle connection in the moment we use it: that says nothing about the bridge.
    if (!(error instanceof Error && 'reused' in error)) throw error;
    return attempt(to, agent, sent, limits, heard);
  }
}

function attempt(
  { host, port }: Address,
  agent: Agent,
  sent: Sent,
  { connectMs, answerMs }: { connectMs: number; answerMs: number },
  heard: (date: string | undefined) => void,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const { path, body, date } = sent;
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), date };
    const servername = isIP(host) ? BRIDGE_SERVICE : host;
    const asked = request({ host, port, servername, path, method: 'POST', headers, agent });
    const tooLate = (what: string) => (): void => void asked.destroy(new Error(what));
    const answerTimer = setTimeout(tooLate(`no answer within ${answerMs} ms`), answerMs);
    const connectTimer = setTimeout(tooLate(`no connection within ${connectMs} ms`), connectMs);
    const connected = (): void => clearTimeout(connectTimer);
    asked.once('socket', (socket) => {
      if (asked.reusedSocket) connected();
      else socket.once('secureConnect', connected);
    });
    asked.once('response', (response) => {
      heard(response.headers.date);
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > MAX_ANSWER_BYTES) asked.destroy(new Error('its answer is too long'));
        else parts.push(part);
      });
      response.once('error', reject);
      response.once('end', () => {
        try {
          resolve(answerOf(response.statusCode ?? 0, Buffer.concat(parts).toString('utf8')));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.once('error', (error) =>
      reject(asked.reusedSocket && codeOf(error) === 'ECONNRESET' ? Object.assign(error, { reused: true }) : error),
    );
    asked.once('close', () => {
      clearTimeout(answerTimer);
      connected();
    });
    asked.end(body);
  });
}

function answerOf(status: number, text: string): unknown {
  let value: unknown;
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch {
    throw new Error(`its answer (HTTP ${status}) is not JSON: is a bridge listening there?`);
  }
  if (status >= 200 && status < 300) return value;
  const { code, message } = value as Partial<ErrorAnswer>;
  throw new BridgeRefusal(status, { code: code ?? 'unknown', message: message ?? `HTTP ${status}` });
}

const TLS_SENTENCES: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for somebody else',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from another authority than this host joined',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from another authority than this host joined',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate comes from another authority than this host joined',
  CERT_HAS_EXPIRED: "its certificate has expired (or this machine's clock is wrong)",
  CERT_NOT_YET_VALID: "its certificate is not valid yet (is this machine's clock behind?)",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    "it says that this host's certificate has expired: join again with a new invite",
};
const sentence = (error: unknown): string => TLS_SENTENCES[codeOf(error) ?? ''] ?? messageOf(error);
