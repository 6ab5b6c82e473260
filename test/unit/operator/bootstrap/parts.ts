import { pino } from 'pino';
import type { Consul, ConsulAcl } from '../../../../clients/consul/consul.ts';
import { systemClock } from '../../../../base/clock.ts';
import type { BootstrapParts } from '../../../../operator/bootstrap/bootstrap.ts';
import type { SecretData, SecretStore } from '../../../../operator/bootstrap/secret-store.ts';
import { readSettings } from '../../../../operator/bootstrap/settings.ts';
import { GATEWAY_CLAIMS } from '../../../../mesh/gateways/terminating.ts';
import { SECRETS } from '../../../../mesh/installation/installation.ts';

/** Secrets in memory. */
export function memoryStore(): SecretStore & { all: Map<string, SecretData> } {
  const all = new Map<string, SecretData>();
  return {
    all,
    read: async (name) => all.get(name),
    create: async (name, data) => !all.has(name) && all.set(name, data) && true,
    patch: async (name, data) => void all.set(name, { ...all.get(name), ...data }),
  };
}

/** Parts of a run, quiet, with a patience of seconds. */
export function bootstrapParts(given: {
  store: SecretStore;
  openConsul: BootstrapParts['openConsul'];
  readExternal?: BootstrapParts['readExternal'];
  env?: Record<string, string>;
  signal?: AbortSignal;
}): BootstrapParts {
  return {
    settings: readSettings({
      LANDBRIDGE_CLUSTER: 'lab',
      LANDBRIDGE_BRIDGE_ADVERTISE: '192.0.2.10:30443',
      LANDBRIDGE_BOOTSTRAP_PATIENCE_SECONDS: '30',
      ...given.env,
    }),
    store: given.store,
    openConsul: given.openConsul,
    readExternal: given.readExternal ?? (() => ({ caPem: '', token: '' })),
    clock: systemClock,
    random: Math.random,
    log: pino({ level: 'silent' }),
    signal: given.signal ?? new AbortController().signal,
  };
}

/** As if the process were killed; nothing tries again after it. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/** Every Secret of the installation, as it is now. */
export async function allSecrets(store: SecretStore): Promise<Record<string, unknown>> {
  return Object.fromEntries(
    await Promise.all(Object.values(SECRETS).map(async (name) => [name, await store.read(name)] as const)),
  );
}

/** `step` is called before and after every write. It throws in place of a process that ends there. */
export interface WriteWatch {
  before?(write: string): void;
  after?(write: string): void;
}

const watched =
  <A extends unknown[], R>(watch: WriteWatch, name: (args: A) => string, write: (...args: A) => Promise<R>) =>
  async (...args: A): Promise<R> => {
    watch.before?.(name(args));
    const result = await write(...args);
    watch.after?.(name(args));
    return result;
  };

export const watchedStore = (store: SecretStore, watch: WriteWatch): SecretStore => ({
  read: (name) => store.read(name),
  create: watched(watch, ([name]) => `create ${name}`, store.create),
  patch: watched(watch, ([name]) => `patch ${name}`, store.patch),
});

export function watchedConsul(consul: Consul, watch: WriteWatch): Consul {
  const { acl } = consul;
  const over: ConsulAcl = {
    ...acl,
    bootstrap: watched(watch, () => 'acl bootstrap', acl.bootstrap),
    upsertPolicy: watched(watch, ([{ name }]) => `policy ${name}`, acl.upsertPolicy),
    upsertToken: watched(watch, ([{ policies }]) => `token ${policies.join()}`, acl.upsertToken),
    upsertAuthMethod: watched(watch, ([{ name }]) => `auth method ${name}`, acl.upsertAuthMethod),
    upsertBindingRule: watched(
      watch,
      ([{ authMethod, bindType }]) => `binding rule of a ${bindType} ${authMethod}`,
      acl.upsertBindingRule,
    ),
    deleteToken: watched(watch, () => 'delete token', acl.deleteToken),
    deleteBindingRule: watched(watch, () => 'delete binding rule', acl.deleteBindingRule),
  };
  return { ...consul, acl: over, apply: watched(watch, () => 'proxy-defaults', consul.apply) };
}

/** The ACLs of an installation, without the fields that Consul chooses itself. */
export async function aclState(acl: ConsulAcl): Promise<object> {
  const methods = ['landbridge-operator', 'landbridge-bridge'];
  const rules = await Promise.all(methods.map((name) => acl.listBindingRules(name)));
  const tokens = (await acl.listTokens()).filter(({ description }) => description.startsWith('Held by'));
  return {
    policies: (await acl.listPolicies('landbridge-')).map(({ name }) => name).sort(),
    tokens: tokens.sort((a, b) => (a.description < b.description ? -1 : 1)),
    rules: rules.flat().map((rule) => ({ ...rule, id: undefined })),
  };
}

/** Every write of a whole run on an empty cluster, in order. */
const admission = (name: string): string[] =>
  ['policy', 'token', 'auth method', 'binding rule of a service'].map((what) => `${what} ${name}`);

export const ALL_WRITES = [
  ...[
    SECRETS.consulCa,
    SECRETS.consulServer,
    SECRETS.consulManagement,
    SECRETS.operator,
    SECRETS.bridge,
    SECRETS.bridgeAdmin,
  ].map((name) => `create ${name}`),
  // The key of the admin.
  `patch ${SECRETS.bridge}`,
  'acl bootstrap',
  'policy landbridge-consul-server',
  'token landbridge-consul-server',
  'policy landbridge-consul-dns',
  'token landbridge-consul-dns',
  ...admission('landbridge-operator'),
  'policy landbridge-edge',
  'binding rule of a policy landbridge-operator',
  ...GATEWAY_CLAIMS.map(() => 'binding rule of a service landbridge-operator'),
  ...admission('landbridge-bridge'),
  'proxy-defaults',
];
