import { type MeshService, consulName } from '../../crds/mesh-service.ts';
import { standingOf } from '../../mesh/traffic/holder.ts';
import type { HeldMeshService } from '../world/held-mesh-service.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';
import type { World } from '../world/world.ts';

export const meshKey = ({ metadata }: HeldMeshService): string => `${metadata.namespace}/${metadata.name}`;

export const podKey = ({ namespace, name }: PodFacts): string => `${namespace}/${name}`;

/** Where its app listens, as its MeshService says. */
export function portOf({ meshServices }: Pick<World, 'meshServices'>, pod: PodFacts): number | undefined {
  const port = meshServices.get(`${pod.namespace}/${pod.meshService}`)?.meshService?.spec.port;
  return typeof port === 'string' ? pod.ports[port] : port;
}

/** An Envoy of it may answer. */
export const answers = ({ ip, finished, terminating }: PodFacts): boolean =>
  ip !== undefined && !finished && !terminating;
export const isLive = (pod: PodFacts): boolean => pod.injected && answers(pod);

/** Keys of the MeshServices whose proxies are given something else when entries of a name change. */
export function affected({ meshServices }: Pick<World, 'meshServices'>, name: string): string[] {
  const joining = meshServices.by('joins', name);
  const called = [name, ...joining.flatMap(({ meshService }) => (meshService ? [consulName(meshService)] : []))];
  const all = [
    ...meshServices.by('service', name),
    ...joining,
    ...called.flatMap((one) => meshServices.by('calls', one)),
  ];
  return all.map(meshKey);
}

/**
 * Since when an earlier operator has found all proxies of a MeshService well; undefined: it has not. A time after `startedMs`
 * (since 1970) is this operator's own, and its memory is better.
 */
export function clearedAtMs(held: HeldMeshService | undefined, startedMs: number): number | undefined {
  const said = held?.status?.conditions?.find(({ type }) => type === 'ProxiesAccept');
  const sinceMs = said?.status === 'True' ? Date.parse(said.lastTransitionTime) : NaN;
  return sinceMs <= startedMs ? sinceMs : undefined;
}

export const isServed = (held: HeldMeshService | undefined): boolean =>
  held?.meshService?.spec.expose !== undefined || held?.meshService?.spec.workloads.external !== undefined;

/**
 * Whether the proxies of a MeshService may say something of another: those of its namespace, and of a caller that the other's
 * access lets in. A name that the caller wants and does not hold lets nobody in.
 */
export function isBelieved(caller: HeldMeshService | undefined, { metadata, spec }: MeshService): boolean {
  if (caller?.meshService === undefined) return false;
  if (caller.metadata.namespace === metadata.namespace) return true;
  const name = consulName(caller.meshService);
  return (
    standingOf(name, caller.status) === 'holds' && (spec.access ?? []).some(({ from }) => from === name || from === '*')
  );
}
