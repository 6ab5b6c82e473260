import type { MeshService } from '../../crds/mesh-service.ts';
import type { TrafficProblem } from './problems/problem.ts';

/**
 * When the sidecar of a tcp app connects to the app:
 *
 * | judgement   | connects                                            | an app that greets its callers |
 * |-------------|-----------------------------------------------------|--------------------------------|
 * | none        | at once, before the caller is judged                | greets everybody in the mesh   |
 * | `firstByte` | with the first byte, by which Consul's rules judge  | waits for ever                 |
 * | `callers`   | after the TLS handshake, for these services alone   | greets these, and nobody else  |
 *
 * Consul's rules judge the first byte in each case.
 */
export type Judgement = 'firstByte' | { callers: string[] };

type Spec = Pick<MeshService['spec'], 'protocol' | 'speaksFirst' | 'access'>;

const isForEverybody = ({ access = [] }: Spec): boolean => access.some(({ from }) => from === '*');

/**
 * How sidecars judge a caller before they connect to the app. Envoy's RBAC filter for tcp decides with the first byte of the caller, and by then
 * the connection to the app is open (https://github.com/envoyproxy/envoy/issues/9023): an app that speaks first would greet everybody.
 */
export function judgementOf(spec: Spec): Judgement | undefined {
  if (spec.protocol !== 'tcp') return undefined;
  if (spec.speaksFirst === 'Caller') return 'firstByte';
  return isForEverybody(spec) ? undefined : { callers: (spec.access ?? []).map(({ from }) => from) };
}

/** Whether the terminating gateway would let an app greet callers without access: there Consul has no place for a listener of ours. */
export const greetsAtGateway = (judgement: Judgement | undefined): boolean =>
  judgement !== undefined && judgement !== 'firstByte';

export const AT_GATEWAY =
  'the terminating gateway connects to an instance without a sidecar before it has judged the caller, so a caller without access hears what the instance says first. Say spec.speaksFirst: Caller if it says nothing first (PostgreSQL, Redis, AMQP, all of TLS), or access: [{ from: "*" }] and let the instance ask for a password';

/** Of instances that are registered already; the bridge registers no further ones. */
export function bannerHeard({ spec, status }: MeshService): TrafficProblem[] {
  const isLinked = status?.conditions?.some(({ type }) => type === 'Linked');
  if (!isLinked || !greetsAtGateway(judgementOf(spec))) return [];
  return [{ weight: 'warn', reason: 'TrafficRefused', message: `protocol tcp: ${AT_GATEWAY}` }];
}
