import type { Certificate, EdgeInput, Exposure } from './exposure.ts';
import { type HostClaim, type HostRecords, type Hosts, ownHosts } from './edge-hosts.ts';
import { withoutSlash } from '../traffic/served-paths.ts';

/** A certificate, and the hosts that it is served for. */
export interface ServedCertificate extends Certificate {
  /** `namespace/secret` */
  key: string;
  hosts: string[];
}

export interface Served {
  /** With those hosts alone that are theirs. */
  exposures: Exposure[];
  certificates: ServedCertificate[];
  /** Why a MeshService is not exposed, or not under each of its hosts, by `namespace/name`. */
  problems: Map<string, string>;
  hosts: HostRecords;
}

/**
 * Decides host by host, so that a host that is another's costs a MeshService no more than this host.
 *
 *   claims -> hosts and their namespaces -> exposures that may be served -> for each host: the owner of each path
 */
export function served({ exposures, certificates, hosts: before, rules, nowMs }: EdgeInput): Served {
  const hosts = ownHosts(exposures.flatMap(claimsOf), before ?? new Map(), rules ?? new Map(), nowMs);
  const problems = new Map<string, string[]>();
  const tell = (exposure: Exposure, sentence: string): void => {
    problems.set(keyOf(exposure), [...(problems.get(keyOf(exposure)) ?? []), sentence]);
  };
  const asking = new Map<string, Exposure[]>();
  for (const exposure of exposures) {
    const problem = exposureProblem(exposure, certificates, hosts);
    if (problem !== undefined) {
      tell(exposure, problem);
      continue;
    }
    for (const host of exposure.expose.hosts) {
      const refusal = isAddress(host) ? `${host} is an address: name a host` : hosts.refusal(host, exposure.namespace);
      if (refusal === undefined) asking.set(host, [...(asking.get(host) ?? []), exposure]);
      else tell(exposure, refusal);
    }
  }

  const theirs = new Map<string, string[]>();
  const secure = new Map<string, ServedCertificate>();
  for (const [host, those] of asking) {
    const taken = new Map<string, Exposure>();
    for (const exposure of [...those].sort(ownerFirst(hosts.ownerOf(host)))) {
      const paths = exposure.expose.paths.map((path) => withoutSlash(path) || '/');
      const lost = paths.find((path) => taken.has(path));
      if (lost !== undefined) {
        const other = taken.get(lost)!;
        const by =
          other.namespace === exposure.namespace ? `MeshService ${keyOf(other)}` : `namespace ${other.namespace}`;
        tell(exposure, `${host}${lost} is exposed by ${by} already: choose another host or path`);
        continue;
      }
      for (const path of paths) taken.set(path, exposure);
      theirs.set(keyOf(exposure), [...(theirs.get(keyOf(exposure)) ?? []), host]);
    }
    const first = [...taken.values()].find(({ expose }) => expose.tlsSecret !== undefined);
    if (first !== undefined) serve(secure, first, certificates, host);
  }
  return {
    exposures: [...exposures].sort(olderFirst).flatMap((exposure) => {
      const own = theirs.get(keyOf(exposure));
      if (own === undefined) return [];
      const kept = exposure.expose.hosts.filter((host) => own.includes(host));
      return [{ ...exposure, expose: { ...exposure.expose, hosts: kept } }];
    }),
    certificates: [...secure.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
    problems: new Map([...problems].map(([key, sentences]) => [key, sentences.join('; ')])),
    hosts: hosts.records,
  };
}

/** One entry a certificate, even when several Secrets hold it: one alone is served to clients that name no host, too. */
function serve(
  secure: Map<string, ServedCertificate>,
  exposure: Exposure,
  certificates: EdgeInput['certificates'],
  host: string,
): void {
  const key = secretKey(exposure);
  const found = certificates.get(key) as Certificate;
  const known = secure.get(found.certificate);
  if (known === undefined) secure.set(found.certificate, { ...found, key, hosts: [host] });
  else
    secure.set(found.certificate, { ...known, key: key < known.key ? key : known.key, hosts: [...known.hosts, host] });
}

const claimsOf = ({ namespace, createdAt, uid, expose }: Exposure): HostClaim[] =>
  expose.hosts
    .filter((host) => !isAddress(host))
    .map((host) => ({ host, namespace, createdAt, uid, sharedWith: expose.sharedWith ?? [] }));

/** Clients take a name for an address when its last label is a number. Nobody asks by TLS for one, and one of the gateway's would be everybody's. */
const isAddress = (host: string): boolean => /(^|\.)(\d+|0x[\da-f]*)$/.test(host);

const keyOf = ({ namespace, name }: Exposure): string => `${namespace}/${name}`;
export const secretKey = ({ namespace, expose }: Pick<Exposure, 'namespace' | 'expose'>): string =>
  `${namespace}/${expose.tlsSecret}`;

/** The first MeshService keeps a host and path: a later one takes no traffic from it. */
const olderFirst = (a: Exposure, b: Exposure): number =>
  [a.createdAt, a.uid, keyOf(a)].join(' ') < [b.createdAt, b.uid, keyOf(b)].join(' ') ? -1 : 1;

/** Those of the namespace that has the host go before all that it lets in. */
const ownerFirst =
  (owner: string | undefined) =>
  (a: Exposure, b: Exposure): number =>
    Number(b.namespace === owner) - Number(a.namespace === owner) || olderFirst(a, b);

function exposureProblem(
  exposure: Exposure,
  certificates: EdgeInput['certificates'],
  hosts: Hosts,
): string | undefined {
  // Refused at admission as well; one that came in before that must not take the others' routes along.
  if (exposure.protocol !== 'http')
    return `expose is for protocol http and not ${exposure.protocol}: Consul's api-gateway leads to no other; set protocol to http or take expose out`;
  if (exposure.expose.tlsSecret === undefined) return undefined;
  const key = secretKey(exposure);
  const certificate = certificates.get(key);
  if (typeof certificate !== 'object') return certificate ?? `Secret ${key} was not read yet`;
  const refusal = certificate.names.map((name) => hosts.nameRefusal(name, exposure.namespace)).find(Boolean);
  return refusal && `Secret ${key}: tls.crt is also for a host of others, so none is served with it: ${refusal}`;
}
