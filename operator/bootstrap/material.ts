import { X509Certificate, createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { type KeyPair, createAuthority, isDue, issue } from '../../clients/pki/authority.ts';
import {
  ADMIN_KEYS_FILE,
  CONSUL_SERVER_NAME,
  CONSUL_SERVER_SERVICE,
  CONSUL_SERVICE,
  DEFAULT_MUTUAL_TLS_KEY,
  NAMESPACE,
  SECRETS,
} from '../../mesh/installation/installation.ts';
import { type KeptSecret, keepSecret } from './keep-secret.ts';
import type { SecretData, SecretStore } from './secret-store.ts';

/** A static Consul token. */
export interface StaticToken {
  accessorId: string;
  token: string;
}

/** The secrets of a process: its token, and the key by which it vouches for services. */
export interface Holder extends StaticToken {
  signingKeyPem: string;
}

export interface Material {
  consulCaPem: string;
  /** Empty with servers that are not ours. */
  managementToken: string;
  /** By which the server keeps its own node up to date; none with servers that are not ours. */
  server?: StaticToken;
  /** The token with which the servers answer DNS; undefined with external servers. */
  dns?: StaticToken;
  operator: Holder;
  bridge: Holder;
}

export interface MaterialInput {
  store: SecretStore;
  nowMs: number;
  /** The CA of servers that are not ours: then nothing is made for own ones. */
  externalCaPem?: string;
  /** Comma list of host:port that goes to whoever may invite. */
  bridgeAddresses: string;
}

/**
 * Certificates last three years and their CAs ten. A run in the last third of a certificate's life replaces it; to
 * rotate before that, delete the Secret and run this again.
 */
const CA_DAYS = 3650;
const LEAF_DAYS = 1095;

/** Names under which the Consul server is dialled. The first is the one that clients expect. */
const SERVER_NAMES = [
  CONSUL_SERVER_NAME,
  'localhost',
  CONSUL_SERVICE,
  `${CONSUL_SERVICE}.${NAMESPACE}`,
  `${CONSUL_SERVICE}.${NAMESPACE}.svc`,
  `*.${CONSUL_SERVER_SERVICE}.${NAMESPACE}.svc`,
];

/**
 * Every key, certificate and token of the installation, each stored before anything uses it. The tokens' ids are made
 * here and not by Consul, so that Consul, operator and bridge can all start at once.
 */
export async function keepMaterial(input: MaterialInput): Promise<Material> {
  const { store, nowMs, externalCaPem } = input;
  const keep = (secret: KeptSecret): Promise<SecretData> => keepSecret(store, secret);
  const servers =
    externalCaPem === undefined ? await keepServers(keep, nowMs) : { consulCaPem: externalCaPem, managementToken: '' };
  const mode = await defaultMode(store);
  const operator = await keep({ name: SECRETS.operator, ...holder(servers.consulCaPem, mode) });
  const bridge = await keep({
    name: SECRETS.bridge,
    ...holder(servers.consulCaPem, mode, () => newAuthority('Landbridge bridge CA', nowMs)),
  });
  const admin = await keep(bridgeAdmin(keyPairOf('ca', bridge), input.bridgeAddresses, nowMs));
  // The bridge knows the one at hand, so an earlier one, or a stolen one after this Secret was made again, ends.
  await keep({
    name: SECRETS.bridge,
    make: () => bridge,
    mend: () => ({ [ADMIN_KEYS_FILE]: keyDigest(admin['tls.crt']!) }),
  });
  return { ...servers, operator: holderOf(operator), bridge: holderOf(bridge) };
}

/**
 * The mark of the mode in which MeshServices are that do not say it. Only an installation that is new gets Strict: one that was
 * there before there were modes has callers that nobody knows of, and stays without a mark. Two Secrets hold it, so that one
 * can be made again.
 */
async function defaultMode(store: SecretStore): Promise<SecretData> {
  const held = [await store.read(SECRETS.operator), await store.read(SECRETS.bridge)];
  const isNew = held.every((secret) => secret === undefined);
  const mode: string | undefined = isNew
    ? 'Strict'
    : held.flatMap((secret) => secret?.[DEFAULT_MUTUAL_TLS_KEY] ?? [])[0];
  return mode === undefined ? {} : { [DEFAULT_MUTUAL_TLS_KEY]: mode };
}

/** The Secrets of own servers. */
async function keepServers(
  keep: (secret: KeptSecret) => Promise<SecretData>,
  nowMs: number,
): Promise<Pick<Material, 'consulCaPem' | 'managementToken' | 'server' | 'dns'>> {
  const consulCa = keyPairOf(
    'ca',
    await keep({ name: SECRETS.consulCa, make: () => newAuthority('Landbridge Consul CA', nowMs) }),
  );
  // Early, for Consul takes longest to start.
  const server = await keep(consulServer(consulCa, nowMs));
  const management = await keep({ name: SECRETS.consulManagement, make: () => ({ token: randomUUID() }) });
  return {
    consulCaPem: consulCa.certPem,
    managementToken: management['token']!,
    server: staticTokenOf(server),
    dns: { accessorId: server['dns-accessor']!, token: server['dns-token']! },
  };
}

async function newAuthority(commonName: string, nowMs: number): Promise<SecretData> {
  const { certPem, keyPem } = await createAuthority(commonName, { nowMs, days: CA_DAYS });
  return { 'ca.crt': certPem, 'ca.key': keyPem };
}

function consulServer(authority: KeyPair, nowMs: number): KeptSecret {
  const certificate = async (): Promise<SecretData> => {
    const { certPem, keyPem } = await issue(authority, {
      commonName: CONSUL_SERVER_NAME,
      dns: SERVER_NAMES,
      ips: ['127.0.0.1'],
      // Servers are each other's clients.
      usage: 'both',
      nowMs,
      days: LEAF_DAYS,
    });
    return { 'ca.crt': authority.certPem, 'tls.crt': certPem, 'tls.key': keyPem };
  };
  const lacksName = (pem: string): boolean => SERVER_NAMES.some((name) => !nameHeld(new X509Certificate(pem), name));
  return {
    name: SECRETS.consulServer,
    make: async () => {
      const token = newStaticToken();
      const snippet = { encrypt: gossipKey(), acl: { tokens: { agent: token['consul-token'] } } };
      return { ...(await certificate()), ...token, 'gossip.json': JSON.stringify(snippet), ...newDnsToken() };
    },
    mend: async (found) => ({
      ...(stale(found, authority, nowMs) || lacksName(found['tls.crt']!) ? await certificate() : {}),
      // A Secret of an installation from before servers answered DNS.
      ...(found['dns.json'] === undefined ? newDnsToken() : {}),
    }),
  };
}

const gossipKey = (): string => randomBytes(32).toString('base64');
const nameHeld = (certificate: X509Certificate, name: string): boolean =>
  (certificate.subjectAltName ?? '').split(', ').includes(`DNS:${name}`);

function holder(
  consulCaPem: string,
  mode: SecretData,
  more: () => Promise<SecretData> = async () => ({}),
): Omit<KeptSecret, 'name'> {
  return {
    make: async () => ({
      ...mode,
      ...newStaticToken(),
      'consul-ca.crt': consulCaPem,
      'signing.key': newSigningKey(),
      ...(await more()),
    }),
    mend: () => ({ ...mode, 'consul-ca.crt': consulCaPem }),
  };
}

function newDnsToken(): SecretData {
  const token = randomUUID();
  const snippet = { acl: { tokens: { dns: token } } };
  return { 'dns-accessor': randomUUID(), 'dns-token': token, 'dns.json': JSON.stringify(snippet) };
}

const newStaticToken = () => ({ 'consul-accessor': randomUUID(), 'consul-token': randomUUID() });

function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function bridgeAdmin(authority: KeyPair, addresses: string, nowMs: number): KeptSecret {
  const certificate = async (): Promise<SecretData> => {
    const { certPem, keyPem } = await issue(authority, {
      commonName: 'landbridge-admin',
      organization: 'landbridge-admin',
      usage: 'client',
      nowMs,
      days: LEAF_DAYS,
    });
    return { 'ca.crt': authority.certPem, 'tls.crt': certPem, 'tls.key': keyPem };
  };
  return {
    name: SECRETS.bridgeAdmin,
    make: async () => ({ ...(await certificate()), addresses }),
    mend: async (found) => ({ ...(stale(found, authority, nowMs) ? await certificate() : {}), addresses }),
  };
}

/** Issued by another CA than the one at hand, or in the last third of its life. */
const stale = (found: SecretData, authority: KeyPair, nowMs: number): boolean =>
  found['ca.crt'] !== authority.certPem || found['tls.crt'] === undefined || isDue(found['tls.crt'], nowMs);

/** As the bridge tells keys apart (bridge/certificates/request.ts). */
const keyDigest = (certificatePem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');

const keyPairOf = (prefix: string, data: SecretData): KeyPair => ({
  certPem: data[`${prefix}.crt`]!,
  keyPem: data[`${prefix}.key`]!,
});

const staticTokenOf = (data: SecretData): StaticToken => ({
  accessorId: data['consul-accessor']!,
  token: data['consul-token']!,
});
const holderOf = (data: SecretData): Holder => ({ ...staticTokenOf(data), signingKeyPem: data['signing.key']! });
