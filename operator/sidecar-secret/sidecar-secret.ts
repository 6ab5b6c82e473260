import { createHash } from 'node:crypto';
import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import { secrets } from '../../clients/kube/resources.ts';
import { sidecarSecret } from '../../mesh/names/names.ts';
import { inParallel } from '../../base/in-parallel.ts';
import {
  MANAGED_BY,
  type SecretOptions,
  type StoredSecret,
  addressesIn,
  isAsWanted,
  secretObject,
} from './secret-object.ts';
import type { SecretTarget } from './secret-target.ts';
import { type Token, holdsOf, isDue, login, storedToken } from './sidecar-token.ts';

/** Label selector of the Secrets that this makes, and of the installation's own. */
export const MANAGED = `${MANAGED_BY}=landbridge`;

export interface SidecarSecretOptions extends SecretOptions {
  kube: Pick<KubeClient, 'get' | 'apply' | 'delete'>;
  consul: Pick<Consul, 'login' | 'logout' | 'knowsToken'>;
  /** Where Consul is found without its name; undefined: not known yet, so a Secret keeps what it holds. Default: nowhere. */
  consulAddresses?: () => Promise<string[] | undefined>;
  signingKeyPem: () => string;
  nowMs: () => number;
}

/** The inputs of a Secret: while none of them is replaced, the Secret is known to be the same without making it. */
interface Parts {
  stats: SecretTarget['stats'];
  appPort: number | undefined;
  uid: string | undefined;
  token: Token;
  caPem: string;
  /** The addresses of Consul. */
  addresses: string[];
}

/** The Secret itself is too large to be remembered for each MeshService. */
interface Written {
  madeOf: Parts;
  digest: string;
}

const sameParts = (a: Parts, b: Parts): boolean =>
  a.stats === b.stats &&
  a.appPort === b.appPort &&
  a.uid === b.uid &&
  a.token === b.token &&
  a.caPem === b.caPem &&
  a.addresses.join() === b.addresses.join();

/** An answer of Consul about a token counts for this long, while nothing raises a doubt. */
const PROOF_GOOD_MS = 300_000;
/** Questions at a time when every token is in doubt. */
const PROOFS_AT_A_TIME = 8;

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
  /**
   * Asks Consul for the youngest token, and for all tokens when it does not know that one: a backup that is restored lacks
   * every token that is younger, so the youngest is lost when any is. Gives the `namespace/name` of those whose next `keep` gets a new one.
   */
  prove(): Promise<string[]>;
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
  /** When Consul last knew the token of a key, by its secret. */
  const proofs = new Map<string, { secretId: string; atMs: number }>();
  /** Replaced, and yet in use by Envoys that have not heard of the new one. */
  const retired: { secretId: string; endMs: number }[] = [];
  /** Known to be gone, so that a lasting conflict does not ask again and again. */
  const removed = new Set<string>();

  /** The object in its place; undefined without one, `foreign` when somebody else made it. */
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

  /** Drops a token that Consul does not know. A token stays when Consul cannot be asked. */
  async function proven(key: string, token: Token | undefined, isInDoubt: boolean): Promise<Token | undefined> {
    if (token === undefined) return undefined;
    const proof = proofs.get(key);
    const isProven = proof?.secretId === token.secretId && nowMs() - proof.atMs < PROOF_GOOD_MS;
    if (isProven && !isInDoubt) return token;
    const isKnown = await consul.knowsToken(token.secretId).catch(() => undefined);
    if (isKnown === true) proofs.set(key, { secretId: token.secretId, atMs: nowMs() });
    return isKnown === false ? undefined : token;
  }

  function forget(key: string): void {
    tokens.delete(key);
    written.delete(key);
    proofs.delete(key);
    forgotten.add(key);
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
      // Read just now, or gone: the one at hand may be as old as whatever was done to the Secret.
      if (!written.has(key)) token = await proven(key, token, held === undefined);
      if (token === undefined || token.holds !== holdsOf(service, links) || isDue(token, nowMs())) {
        const before = token;
        token = await login(options, service, links);
        // One with links may be more than is wanted now; the rest is let end by itself.
        if (before?.holds.startsWith(`${service} `)) retired.push({ ...before, endMs: nowMs() + RETIRE_MS });
        forgotten.delete(key);
        proofs.set(key, { secretId: token.secretId, atMs: nowMs() });
      }
      tokens.set(key, token);
      const before = written.get(key);
      const addresses = options.consulAddresses
        ? ((await options.consulAddresses()) ?? before?.madeOf.addresses ?? addressesIn(held))
        : [];
      const madeOf = {
        stats: target.stats,
        appPort: target.appPort,
        uid: target.ownerReferences[0]?.uid,
        token,
        caPem: currentCa(),
        addresses,
      };
      if (before !== undefined && sameParts(before.madeOf, madeOf)) return false;
      const secret = secretObject(target, token, addresses, options);
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
      proofs.delete(key);
      removed.add(key);
    },
    async prove() {
      const youngest = [...tokens.values()].reduce<Token | undefined>(
        (first, token) => (first === undefined || token.issuedAtMs > first.issuedAtMs ? token : first),
        undefined,
      );
      if (youngest === undefined || (await consul.knowsToken(youngest.secretId))) return [];
      const lost: string[] = [];
      const problems: unknown[] = [];
      await inParallel([...tokens], PROOFS_AT_A_TIME, async ([key, { secretId }]) => {
        const isKnown = await consul.knowsToken(secretId).catch((error: unknown) => void problems.push(error));
        if (isKnown === false) lost.push(key);
      });
      // All or none: the youngest stays the one that tells until each was asked.
      if (problems.length > 0) throw problems[0];
      lost.forEach(forget);
      return lost;
    },
    doubt: (namespace, name) => {
      written.delete(`${namespace}/${name}`);
      removed.delete(`${namespace}/${name}`);
    },
    forget: (namespace, name) => forget(`${namespace}/${name}`),
  };
}

const foreignSecret = (namespace: string, name: string): string =>
  `Secret ${namespace}/${sidecarSecret(name)} is in the place of the sidecars' own and lacks the label ${MANAGED_BY}=landbridge, so it was not touched: rename or delete it`;
