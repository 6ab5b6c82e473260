import { type MeshService, consulName } from '../../../crds/mesh-service.ts';
import type { Neighbourhood, TrafficProblem } from './problem.ts';
import { criteriaOf, referencesOf } from '../subset.ts';
import type { Suggest } from './suggestions.ts';

const warn = (message: string): TrafficProblem => ({ weight: 'warn', reason: 'NameUnmet', message });

/**
 * Names that nobody answers to: an upstream, a caller in spec.access, a version in spec.traffic. Files may come in any order,
 * and Consul may hold services of others, so these are warnings. Without `names` and `versions` nothing is known of them.
 */
export function unmetNames(meshService: MeshService, around: Neighbourhood, suggest: Suggest): TrafficProblem[] {
  return [...unmetServices(meshService, around, suggest), ...unmetVersions(meshService, around, suggest)];
}

function unmetServices(meshService: MeshService, around: Neighbourhood, suggest: Suggest): TrafficProblem[] {
  if (around.names === undefined) return [];
  const own = consulName(meshService);
  const isUnmet = (service: string): boolean => service !== own && around.named(service).length === 0;
  const { upstreams, access = [] } = meshService.spec;
  const callers = access.map(({ from }) => from).filter((from) => from !== '*' && !from.startsWith('landbridge-'));
  return [
    ...upstreams
      .filter(({ service }) => isUnmet(service))
      .map(({ service }) =>
        warn(
          `no MeshService has the name "${service}", which spec.upstreams gives: calls to it fail until there is one${suggest(service)}`,
        ),
      ),
    ...callers
      .filter(isUnmet)
      .map((from) => warn(`no MeshService has the name "${from}", which spec.access lets in${suggest(from)}`)),
  ];
}

/** Where all instances are pods, and there are some, it is known which versions there are. */
function unmetVersions(meshService: MeshService, around: Neighbourhood, suggest: Suggest): TrafficProblem[] {
  const { traffic, workloads } = meshService.spec;
  const pods = around.versions?.(meshService) ?? [];
  if (traffic === undefined || workloads.external !== undefined || pods.length === 0) return [];
  const has = [...new Set(pods.filter((version) => version !== undefined))].sort();
  const theirs =
    has.length > 0
      ? `they have ${has.slice(0, 5).join(', ')}`
      : 'none has the label app.kubernetes.io/version or version';
  return referencesOf(traffic).flatMap((reference) => {
    const version = criteriaOf(reference, traffic.subsets)?.version;
    if (version === undefined || has.includes(version)) return [];
    return [
      warn(
        `no pod has the version "${version}", which spec.traffic names (${theirs}): requests that go there get 503${suggest(version, has)}`,
      ),
    ];
  });
}
