import { request } from 'node:https';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Address, parseAddress } from '../agent/machine/address.ts';
import { checkBridge } from '../agent/bridge-client.ts';
import { connectKube } from '../clients/kube/client.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import { secrets } from '../clients/kube/resources.ts';
import { secretText } from '../clients/kube/secret.ts';
import type { ErrorAnswer } from '../mesh/outside/bridge-api.ts';
import { BOOTSTRAP_AGAIN, BRIDGE_SERVICE, NAMESPACE, SECRETS } from '../mesh/installation/installation.ts';
import { sourceOf } from './cluster.ts';

/** Where the bridge is and what proves an admin to it: the Secret landbridge-bridge-admin. */
export interface BridgeAccess {
  /** `host:port`, tried in turn. */
  addresses: string[];
  /** PEM. */
  caPem: string;
  certificatePem: string;
  keyPem: string;
}

export interface BridgeFlags {
  kubeconfig?: string;
  context?: string;
  namespace: string;
}

/** The flags of every command that talks to a bridge. */
export const withBridgeFlags = (command: Command): Command =>
  command
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, else ~/.kube/config')
    .option('--context <name>', "default: the kubeconfig's current one")
    .option('-n, --namespace <name>', 'where Landbridge is installed', NAMESPACE);

/** Reads the Secret. Throws an Error that says what is missing and what to do. */
export async function bridgeAccess(flags: BridgeFlags): Promise<BridgeAccess> {
  const { namespace } = flags;
  const secret = await connectKube(sourceOf(flags)).get<KubeObject & { data?: Record<string, string> }>(
    secrets,
    SECRETS.bridgeAdmin,
    namespace,
  );
  const where = `Secret ${namespace}/${SECRETS.bridgeAdmin}`;
  if (secret === undefined) {
    throw new Error(
      namespace === NAMESPACE
        ? `there is no ${where}: install Landbridge first, or say where it is with --namespace`
        : `there is no ${where}: --namespace says where Landbridge is installed, so leave it out when that is ${NAMESPACE}`,
    );
  }
  const read = (key: string): string => {
    const text = secretText(secret, key);
    if (text.trim() === '') throw new Error(`${where} has no "${key}": ${BOOTSTRAP_AGAIN}`);
    return text;
  };
  const addresses = read('addresses')
    .split(',')
    .map((address) => address.trim());
  return { addresses, caPem: read('ca.crt'), certificatePem: read('tls.crt'), keyPem: read('tls.key') };
}

const CONNECT_MS = 3000;
const ANSWER_MS = 35_000;
/** A bridge that was lost with its lock is followed within 20 s; see bridge/standby/tenure.ts. */
const NOBODY_LEADS_MS = 25_000;
const AGAIN_MS = 500;

/**
 * One request to the bridge's admin API, at the first of its addresses that can be reached. While a bridge stands there that
 * has nobody to hand connections on to, it is asked again. Throws an Error: with the bridge's own sentence when it
 * refuses, else with one that names each address and what happened there.
 */
export async function askBridge<T>(
  access: BridgeAccess,
  method: string,
  path: string,
  body?: object,
  patienceMs = NOBODY_LEADS_MS,
): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const { answer, failures, nobodyLeads } = await askInTurn(access, method, path, body);
    if (answer !== undefined) return accepted<T>(answer);
    if (!nobodyLeads || performance.now() > untilMs) {
      throw new Error(
        `no bridge answers (${failures.join('; ')}): can this machine reach these addresses, and does the bridge run (kubectl -n ${NAMESPACE} get pods)?`,
      );
    }
    await delay(AGAIN_MS);
  }
}

interface Round {
  answer?: Answer;
  failures: string[];
  /** Somebody took the connection and ended it before a word was said. */
  nobodyLeads: boolean;
}

async function askInTurn(access: BridgeAccess, method: string, path: string, body: object | undefined): Promise<Round> {
  const failures: string[] = [];
  let nobodyLeads = false;
  for (const text of access.addresses) {
    const address = parseAddress(text);
    if (address === undefined) {
      failures.push(`${text}: not host:port`);
      continue;
    }
    try {
      return { answer: await attempt(access, address, method, path, body), failures, nobodyLeads };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      nobodyLeads ||= error instanceof HungUp;
      failures.push(`${text}: ${code === 'ECONNREFUSED' ? 'connection refused' : message}`);
    }
  }
  return { failures, nobodyLeads };
}

/** The connection was taken and ended again before the TLS handshake was over, so nothing was asked. */
class HungUp extends Error {
  override readonly name = 'HungUp';
}

interface Answer {
  status: number;
  text: string;
}

function accepted<T>({ status, text }: Answer): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`the answer (HTTP ${status}) is not JSON: is it the bridge that listens there?`);
  }
  if (status < 300) return value as T;
  throw new Error((value as Partial<ErrorAnswer>).message ?? `the bridge answered HTTP ${status}`);
}

function attempt(
  { caPem: ca, certificatePem: cert, keyPem: key }: BridgeAccess,
  { host, port }: Address,
  method: string,
  path: string,
  body: object | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host,
      port,
      method,
      path,
      ca,
      cert,
      key,
      servername: isIP(host) === 0 ? host : BRIDGE_SERVICE,
      checkServerIdentity: checkBridge,
      minVersion: 'TLSv1.2',
      agent: false,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
    });
    const late = (what: string, ms: number): NodeJS.Timeout =>
      setTimeout(() => asked.destroy(new Error(`${what} within ${ms / 1000} s`)), ms);
    const connecting = late('no connection', CONNECT_MS);
    const answering = late('no answer', ANSWER_MS);
    let secure = false;
    asked.once('socket', (socket) =>
      socket.once('secureConnect', () => {
        secure = true;
        clearTimeout(connecting);
      }),
    );
    asked.once('error', (error: NodeJS.ErrnoException) =>
      reject(!secure && error.code === 'ECONNRESET' ? new HungUp('it hangs up at once') : error),
    );
    asked.once('close', () => [connecting, answering].forEach(clearTimeout));
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
