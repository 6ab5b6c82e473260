/** A host of `spec.expose`, or all below one: `*.shop.example`. */
export interface HostClaim {
  host: string;
  namespace: string;
  /** Namespaces that the claiming MeshService lets in. */
  sharedWith: readonly string[];
  /** RFC 3339. */
  createdAt: string;
  uid: string;
}

/** The record of a host that a namespace has. */
export interface HostRecord {
  namespace: string;
  /** The lower one of two was there first. Roughly ms since the epoch; no two are the same. */
  since: number;
  sharedWith: readonly string[];
  /** When the last MeshService of the namespace gave it up. After a time others can have it. */
  freeAtMs?: number | undefined;
}

export type HostRecords = ReadonlyMap<string, HostRecord>;

/** The administrator's word: the namespaces that may have a host, the hosts of a star, or (`*`) all others. */
export type HostRules = ReadonlyMap<string, readonly string[]>;

/** So long a namespace keeps a host that none of its MeshServices asks for. */
export const HOST_KEPT_MS = 24 * 3_600_000;
/** So that no tenant fills the gateway, and the record of one namespace fits into a key of Consul (512 KiB). */
export const HOSTS_A_NAMESPACE = 1000;

export interface Hosts {
  records: HostRecords;
  /** The sentence of why a namespace may not serve a host; undefined: it may. */
  refusal(host: string, namespace: string): string | undefined;
  /** The same of a name in a certificate: a star there may cover hosts of others. */
  nameRefusal(name: string, namespace: string): string | undefined;
  ownerOf(host: string): string | undefined;
}

/**
 * A host, with the hosts of its star, belongs to the namespace that was the first to expose it. Records go first, so that no age of a MeshService takes a host away. Among new claims the older one wins.
 *
 *   records of before, in their order -> new claims, by age -> the rest waits
 *
 * Linear in claims and records, for a host has 127 labels at most.
 */
export function ownHosts(claims: readonly HostClaim[], before: HostRecords, rules: HostRules, nowMs: number): Hosts {
  const records = new Map<string, HostRecord>();
  /** Hosts that a star covers, by the star and the namespace. */
  const below = new Map<string, Map<string, Set<string>>>();
  const counts = new Map<string, number>();
  const asked = new Map<string, HostClaim[]>();
  for (const claim of claims) {
    const key = `${claim.namespace} ${claim.host}`;
    asked.set(key, [...(asked.get(key) ?? []), claim]);
  }

  const lets = (host: string, record: HostRecord, namespace: string): boolean =>
    record.namespace === namespace ||
    record.sharedWith.includes(namespace) ||
    (rules.get(host)?.includes(namespace) ?? false);

  /** The host of another namespace that is in the way of `host`. */
  function inTheWay(host: string, namespace: string): string | undefined {
    // An administrator's word for this very host outdoes whoever has a star above it.
    const above = rules.has(host) ? [host] : [host, ...starsAbove(host)];
    const over = above.find((one) => records.has(one) && !lets(one, records.get(one)!, namespace));
    if (over !== undefined) return over;
    for (const [other, hosts] of below.get(host) ?? []) {
      if (other === namespace) continue;
      for (const one of hosts) if (!lets(one, records.get(one)!, namespace)) return one;
    }
    return undefined;
  }

  function add(host: string, record: HostRecord): void {
    records.set(host, record);
    counts.set(record.namespace, (counts.get(record.namespace) ?? 0) + 1);
    for (const star of starsAbove(host)) {
      const hosts = below.get(star) ?? new Map<string, Set<string>>();
      below.set(star, hosts);
      hosts.set(record.namespace, (hosts.get(record.namespace) ?? new Set()).add(host));
    }
  }

  const isFull = (namespace: string): boolean => (counts.get(namespace) ?? 0) >= HOSTS_A_NAMESPACE;
  const mayHave = (host: string, namespace: string): boolean =>
    ruleRefusal(rules, host, namespace) === undefined && inTheWay(host, namespace) === undefined && !isFull(namespace);

  const held = [...before].sort(([, a], [, b]) => a.since - b.since);
  for (const [host, { namespace, since, sharedWith, freeAtMs = nowMs + HOST_KEPT_MS }] of held) {
    const live = asked.get(`${namespace} ${host}`);
    if ((live === undefined && freeAtMs <= nowMs) || !mayHave(host, namespace)) continue;
    if (live === undefined) add(host, { namespace, since, sharedWith, freeAtMs });
    else add(host, { namespace, since, sharedWith: sharedOf(live) });
  }
  let since = Math.max(nowMs, 1 + (held.at(-1)?.[1].since ?? 0));
  for (const { host, namespace } of [...claims].sort(olderFirst)) {
    if (records.has(host) || !mayHave(host, namespace)) continue;
    add(host, { namespace, since: since++, sharedWith: sharedOf(asked.get(`${namespace} ${host}`)!) });
  }

  const belongs = (host: string, other: string, namespace: string): string => {
    const { namespace: owner, freeAtMs } = records.get(other)!;
    const until = freeAtMs === undefined ? '' : ` until ${new Date(freeAtMs).toISOString()}`;
    const allowed = JSON.stringify({ [other]: [owner, namespace] });
    return `${relation(host, other)} belongs to namespace ${owner}${until}, the first to expose it: there somebody can write sharedWith: [${namespace}] into spec.expose, or an administrator edge.hosts: ${allowed} into the values of the chart`;
  };

  return {
    records,
    ownerOf: (host) => records.get(host)?.namespace,
    refusal(host, namespace) {
      if (records.get(host)?.namespace === namespace) return undefined;
      const ruled = ruleRefusal(rules, host, namespace);
      if (ruled !== undefined) return ruled;
      const other = inTheWay(host, namespace);
      if (other !== undefined) return belongs(host, other, namespace);
      return records.has(host)
        ? undefined
        : `${host} is one host too many: namespace ${namespace} has ${HOSTS_A_NAMESPACE} at the edge, and no more are served; take some out`;
    },
    nameRefusal(name, namespace) {
      const other = [name, ...starsAbove(name)].find((one) => records.has(one));
      return other === undefined || lets(other, records.get(other)!, namespace)
        ? undefined
        : belongs(name, other, namespace);
    },
  };
}

const relation = (host: string, other: string): string => {
  if (host === other) return host;
  return covers(other, host) ? `${host} is below ${other}, which` : `${host} covers ${other}, which`;
};

const sharedOf = (claims: readonly HostClaim[]): string[] =>
  [...new Set(claims.flatMap(({ sharedWith }) => sharedWith))].sort();

/** The uid decides between two of the same second. */
const olderFirst = (a: HostClaim, b: HostClaim): number => {
  const [left, right] = [a, b].map(({ createdAt, uid, host }) => `${createdAt} ${uid} ${host}`);
  return left! < right! ? -1 : left === right ? 0 : 1;
};

/** The stars that cover a host, the closest first; a star does not cover itself. */
export function starsAbove(host: string): string[] {
  const labels = host.split('.').slice(host.startsWith('*.') ? 2 : 1);
  return labels.map((_label, index) => `*.${labels.slice(index).join('.')}`);
}

const covers = (star: string, host: string): boolean =>
  star.startsWith('*.') && host !== star && host.endsWith(star.slice(1));

function ruleRefusal(rules: HostRules, host: string, namespace: string): string | undefined {
  const said = [host, ...starsAbove(host), '*'].find((key) => rules.has(key));
  if (said !== undefined && !rules.get(said)!.includes(namespace)) return given(host, said, namespace);
  if (!host.startsWith('*.')) return undefined;
  for (const [key, namespaces] of rules)
    if (covers(host, key) && !namespaces.includes(namespace)) return given(host, key, namespace);
  return undefined;
}

const given = (host: string, key: string, namespace: string): string =>
  `${host} is not for namespace ${namespace}, since edge.hosts in the values of the chart names others for ${key === '*' ? 'all hosts that it does not list' : key}: an administrator can add ${namespace} to edge.hosts: ${JSON.stringify({ [key === '*' ? host : key]: [namespace] })}`;
