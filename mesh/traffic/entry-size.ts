import type { MeshService } from '../../crds/mesh-service.ts';
import { configEntries } from './entries.ts';
import type { TrafficProblem } from './problems/problem.ts';

/**
 * Consul's servers keep all entries in memory, and each sidecar the entries of its services: 5.8 MB of rules took an Envoy 670 MB
 * and 18 s, in which its former rules were in force. Raft, too, advises at most 512 KiB for one write.
 */
export const MAX_ENTRIES_LENGTH = 512 * 1024;

/** Each walk asks again, and a spec is replaced, never changed. */
const judged = new WeakMap<MeshService['spec'], TrafficProblem[]>();

/** A short spec can make long entries: rules for `*` are repeated under each name, and a route is written up to four times. */
export function entriesTooLarge(meshService: MeshService): TrafficProblem[] {
  const known = judged.get(meshService.spec);
  if (known !== undefined) return known;
  const problems = problemsOf(meshService);
  judged.set(meshService.spec, problems);
  return problems;
}

function problemsOf(meshService: MeshService): TrafficProblem[] {
  const sizes = configEntries(meshService, '', () => undefined).map((entry) => ({
    isAccess: entry.Kind === 'service-intentions',
    length: JSON.stringify(entry).length,
  }));
  const sum = (some: typeof sizes): number => some.reduce((total, { length }) => total + length, 0);
  if (sum(sizes) <= MAX_ENTRIES_LENGTH) return [];
  const access = sum(sizes.filter(({ isAccess }) => isAccess));
  const traffic = sum(sizes) - access;
  const [field, held, remedy] =
    access > traffic
      ? ['spec.access', access, 'rules for "*" count once for each name besides: name fewer, or make the rules shorter']
      : ['spec.traffic', traffic, 'a route counts up to four times: give fewer headers, or make them shorter'];
  return [
    {
      weight: 'refuse',
      reason: 'TrafficRefused',
      message: `${field} makes ${Math.ceil(held / 1024)} KiB in Consul, and ${MAX_ENTRIES_LENGTH / 1024} KiB is the most: ${remedy}`,
    },
  ];
}
