import type { PodFacts } from '../service/pod.ts';
import type { Intent } from '../service/desired.ts';
import { upstreamVariables } from '../service/upstream-variables.ts';
import { makeAgain } from '../service/workload.ts';

const NAMED = 3;

/**
 * The sentence about pods that were made before spec.upstreams named a service, or gave its variable another name: their
 * containers lack the variable. Undefined: each pod has all of them, by the mark of its injection.
 */
export function olderPodsMessage({ meshService, namespace, pods }: Intent): string | undefined {
  if (meshService === undefined) return undefined;
  // The names are the same whatever the upstreams speak.
  const wanted = upstreamVariables(meshService.spec, () => undefined);
  const lacking = ({ variables = [] }: PodFacts) => wanted.filter(({ name }) => !variables.includes(name));
  const live = pods.filter(({ injected, finished, terminating }) => injected && !finished && !terminating);
  const older = live.filter((pod) => lacking(pod).length > 0);
  if (older[0] === undefined) return undefined;
  const missing = [...new Set(older.flatMap(lacking))];
  const names = missing.slice(0, NAMED).map(({ service, name }) => `${name} (${service})`);
  const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '';
  const made = older.map(({ name, workload }) => ({ name, workload }));
  const count =
    live.length === 1 ? 'Its pod was' : `${older.length} of ${live.length} pods, for example ${older[0].name}, were`;
  return `${count} made before spec.upstreams was as it is now, without ${names.join(', ')}${more}. To have the app find it: ${makeAgain(made, namespace)}`;
}
