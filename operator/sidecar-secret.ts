import { createHash } from 'node:crypto';
import type { Consul } from '../clients/consul/consul.ts';
import type { KubeClient } from '../clients/kube/client.ts';
import { secrets } from '../clients/kube/resources.ts';
import { API_VERSION, type MeshService, consulName } from '../crds/mesh-service.ts';
import type { OwnerReference } from '../crds/kubernetes.ts';
import type { ProxySettings } from '../crds/proxy.ts';
import { SIDECAR_ADMIN_PORT, SIDECAR_READY_PORT } from '../crds/mesh-service.ts';
import { BOOTSTRAP_FILE, CA_FILE, TOKEN_FILE, caSecret, envoyBootstrap, tokenSecret } from '../mesh/bootstrap.ts';
import { equal } from '../mesh/equal.ts';
import { SIDECAR_MOUNT } from '../mesh/inject/sidecar.ts';
import { podsNode, sidecarSecret } from '../mesh/names.ts';
import { TOKEN_KEY, type Token, holdsOf, isDue, login, storedToken, tokenAnnotations } from './sidecar-token.ts';

const MANAGED_BY = 'app.kubernetes.io/managed-by';
/** Label selector of the Secrets that this makes, and of the installation's own. */
export const MANAGED = `${MANAGED_BY}=landbridge`;

export interface SidecarSecretOptions {
  kube: Pick<KubeClient, 'get' | 'apply' | 'delete'>;
  consul: Pick<Consul, 'login' | 'logout'>;
  cluster: string;
  datacenter: string;
  consulGrpc: { host: string; port: number };
  serverName: string;
  consulCaPem: () => string;
  signingKeyPem: () => string;
  nowMs: () => number;
}

/** Whose Envoys start from the Secret. */
export interface SecretTarget {
  namespace: string;
  /** Of the MeshService; the Secret is called after it. */
  name: string;
  /** Its name in Consul, which the token is for. */
  service: string;
  stats: ProxySettings['stats'];
  /** Envoy's runtime keys. Default: none of its own. */
  runtime?: Record<string, number>;
  /** Of the gateway: other names in Consul that its token stands for. Default: it is not the gateway. */
  links?: readonly string[];
  /** Envoy opens its stream to Consul anew so often, seconds. Default: it keeps it. */
  streamSeconds?: number;
  /** What takes the Secret along when it goes; without one it stays until `remove`. */
  ownerReferences: OwnerReference[];
}

export const targetOf = (meshService: MeshService): SecretTarget => {
  const { namespace = '', name, uid = '' } = meshService.metadata;
  const owner = { apiVersion: API_VERSION, kind: 'MeshService', name, uid, controller: true };
  const { stats } = meshService.spec.proxy;
  return { namespace, name, service: consulName(meshService), stats, ownerReferences: [owner] };
};

/** What a Secret is made of: while none of it is replaced by another, the Secret need not be made to know it is the same. */
interface Parts {
  stats: SecretTarget['stats'];
  uid: string | undefined;
  token: Token;
  caPem: string;
}

/** The Secret itself is too large to be remembered for each MeshService. */
interface Written {
  madeOf: Parts;
  digest: string;
}

const sameParts = (a: Parts, b: Parts): boolean =>
  a.stats === b.stats && a.uid === b.uid && a.token === b.token && a.caPem === b.caPem;

/** The kubelet takes up to a minute and a half to bring a Secret to a pod, and Envoy up to GATEWAY_STREAM_SECONDS to use it. */
const RETIRE_MS = 180_000;

/**
 * One Secret per MeshService: Envoy's bootstrap, the CA and a Consul token. The token comes from a JWT login, so it
 * expires by itself. It is replaced at half its life; the old one lives on until it expires, which is longer than the
 * kubelet takes to bring a changed Secret to the pods (about a minute).
 */
export interface SidecarSecrets {
  /** Writes only what differs from what was written before, and tells whether it did. Throws when the token or the Secret cannot be had. */
  keep(target: SecretTarget): Promise<boolean>;
  /** Ends the token and removes the Secret. */
  remove(namespace: string, name: string): Promise<void>;
  /** Consul has lost the token: the next `keep` gets a new one. */
  forget(namespace: string, name: string): void;
  /** Somebody may have changed the Secret: the next `keep` writes it again. */
  doubt(namespace: string, name: string): void;
}

export function sidecarSecrets(options: SidecarSecretOptions): SidecarSecrets {
  const { kube, consul, nowMs } = options;
  const tokens = new Map<string, Token>();
  const written = new Map<string, Written>();
  /** One string for all that were made of it. */
  let caPem = '';
  const currentCa = (): string => {
    const now = options.consulCaPem();
    if (now !== caPem) caPem = now;
    return caPem;
  };
  const forgotten = new Set<string>();
  /** Replaced, and yet in use by Envoys that have not heard of the new one. */
  const retired: { secretId: string; endMs: number }[] = [];
  /** Known to be gone, so that a lasting conflict does not ask again and again. */
  const removed = new Set<string>();

  /** What lies in its place; undefined when nothing does, `foreign` when somebody else made it. */
  async function inPlace(namespace: string, name: string): Promise<StoredSecret | 'foreign' | undefined> {
    const secret = await kube.get<StoredSecret>(secrets, sidecarSecret(name), namespace);
    return secret === undefined || secret.metadata.labels?.[MANAGED_BY] === 'landbridge' ? secret : 'foreign';
  }

  /** After a restart the Secret itself says which token is in use. */
  function tokenInUse(key: string, held: StoredSecret | undefined): Token | undefined {
    return tokens.get(key) ?? (held === undefined || forgotten.has(key) ? undefined : storedToken(held));
  }

  async function endRetired(): Promise<void> {
    while (retired[0] !== undefined && nowMs() >= retired[0].endMs) {
      await consul.logout(retired[0].secretId);
      retired.shift();
    }
  }

  return {
    async keep(target) {
      const { namespace, name, service, links } = target;
      const key = `${namespace}/${name}`;
      removed.delete(key);
      if (links !== undefined) await endRetired();
      const held = written.has(key) ? undefined : await inPlace(namespace, name);
      if (held === 'foreign') throw new Error(foreignSecret(namespace, name));
      let token = tokenInUse(key, held);
      if (token === undefined || token.holds !== holdsOf(service, links) || isDue(token, nowMs())) {
        const before = token;
        token = await login(options, service, links);
        // One with links may be more than is wanted now; the rest is let end by itself.
        if (before?.holds.startsWith(`${service} `)) retired.push({ ...before, endMs: nowMs() + RETIRE_MS });
        forgotten.delete(key);
      }
      tokens.set(key, token);
      const before = written.get(key);
      const madeOf = { stats: target.stats, uid: target.ownerReferences[0]?.uid, token, caPem: currentCa() };
      if (before !== undefined && sameParts(before.madeOf, madeOf)) return false;
      const secret = secretObject(target, token, options);
      const digest = createHash('sha256').update(JSON.stringify(secret)).digest('base64');
      const isThere = before?.digest === digest || (held !== undefined && isAsWanted(held, secret));
      if (!isThere) await kube.apply(secrets, secret);
      written.set(key, { madeOf, digest });
      return !isThere;
    },
    async remove(namespace, name) {
      const key = `${namespace}/${name}`;
      if (removed.has(key)) return;
      const held = await inPlace(namespace, name);
      const token = tokenInUse(key, held === 'foreign' ? undefined : held);
      // Pods of a deleted MeshService keep their configuration; their streams end with the token.
      if (token !== undefined) await consul.logout(token.secretId);
      if (held !== undefined && held !== 'foreign') await kube.delete(secrets, sidecarSecret(name), namespace);
      tokens.delete(key);
      written.delete(key);
      removed.add(key);
    },
    doubt: (namespace, name) => {
      written.delete(`${namespace}/${name}`);
      removed.delete(`${namespace}/${name}`);
    },
    forget(namespace, name) {
      const key = `${namespace}/${name}`;
      tokens.delete(key);
      written.delete(key);
      forgotten.add(key);
    },
  };
}

const foreignSecret = (namespace: string, name: string): string =>
  `Secret ${namespace}/${sidecarSecret(name)} is in the place of the sidecars' own and lacks the label ${MANAGED_BY}=landbridge, so it was not touched: rename or delete it`;

/** Everything that is written stands there already. */
const isAsWanted = (held: StoredSecret, wanted: StoredSecret): boolean =>
  equal(held.data, wanted.data) &&
  equal(held.metadata.annotations, wanted.metadata.annotations) &&
  equal(
    (held.metadata.ownerReferences ?? []).map(({ uid }) => uid),
    (wanted.metadata.ownerReferences ?? []).map(({ uid }) => uid),
  );

interface StoredSecret {
  metadata: {
    name: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { uid: string }[];
  };
  data?: Record<string, string>;
}

function secretObject(target: SecretTarget, token: Token, options: SidecarSecretOptions) {
  const { namespace, name, service, stats, runtime, streamSeconds, ownerReferences } = target;
  const bootstrap = envoyBootstrap({
    consul: [options.consulGrpc],
    serverName: options.serverName,
    datacenter: options.datacenter,
    service,
    consulNode: podsNode(options.cluster, namespace, name),
    secretsDirectory: SIDECAR_MOUNT,
    admin: { port: SIDECAR_ADMIN_PORT },
    readyPort: SIDECAR_READY_PORT,
    stats,
    runtime,
    streamSeconds,
  });
  const files = {
    [BOOTSTRAP_FILE]: JSON.stringify(bootstrap),
    [TOKEN_FILE]: JSON.stringify(tokenSecret(token.secretId)),
    [CA_FILE]: JSON.stringify(caSecret(options.consulCaPem())),
    [TOKEN_KEY]: token.secretId,
  };
  return {
    metadata: {
      name: sidecarSecret(name),
      namespace,
      labels: { [MANAGED_BY]: 'landbridge' },
      annotations: tokenAnnotations(token),
      ownerReferences,
    },
    type: 'Opaque',
    data: Object.fromEntries(
      Object.entries(files).map(([file, content]) => [file, Buffer.from(content).toString('base64')]),
    ),
  };
}
