import type { Traffic } from '../../crds/traffic.ts';
import { respell } from '../duration.ts';
import { criteriaOf, referencesOf, serviceOf, subsetFilter, subsetName } from './subset.ts';

/** Consul's own default is 5 s: in that time a caller gives up, and a retry on another instance comes too late. */
const CONNECT_TIMEOUT = '1s';

const POLICIES = {
  LeastRequest: 'least_request',
  RoundRobin: 'round_robin',
  Random: 'random',
  RingHash: 'ring_hash',
  Maglev: 'maglev',
} as const;

/** service-resolver: connect timeout, load balancing, subsets and where requests go when one is empty. */
export function resolverFields(traffic: Traffic = {}): Record<string, unknown> {
  const subsets = referencesOf(traffic).flatMap((reference) => {
    const criteria = criteriaOf(reference, traffic.subsets);
    return criteria === undefined ? [] : [[subsetName(reference), { Filter: subsetFilter(criteria) }] as const];
  });
  const failover = (traffic.failover ?? []).map(
    ({ from, to }) => [from === '*' ? '*' : subsetName(from), { Targets: to.map(target) }] as const,
  );
  return {
    ConnectTimeout: respell(traffic.connectTimeout ?? CONNECT_TIMEOUT),
    LoadBalancer: loadBalancer(traffic.loadBalancing),
    ...(subsets.length === 0 ? {} : { Subsets: Object.fromEntries(subsets) }),
    ...(failover.length === 0 ? {} : { Failover: Object.fromEntries(failover) }),
  };
}

function target(destination: string): Record<string, string> {
  const service = serviceOf(destination);
  return service === undefined ? { ServiceSubset: subsetName(destination) } : { Service: service };
}

function loadBalancer({ policy, hashOn }: NonNullable<Traffic['loadBalancing']> = { policy: 'LeastRequest' }) {
  return { Policy: POLICIES[policy], ...(hashOn === undefined ? {} : { HashPolicies: [hashPolicy(hashOn)] }) };
}

function hashPolicy({ header, cookie, source }: NonNullable<NonNullable<Traffic['loadBalancing']>['hashOn']>) {
  if (source !== undefined) return { SourceIP: true };
  if (header !== undefined) return { Field: 'header', FieldValue: header };
  const ttl = cookie?.ttl === undefined ? {} : { CookieConfig: { TTL: respell(cookie.ttl) } };
  return { Field: 'cookie', FieldValue: cookie?.name, ...ttl };
}
