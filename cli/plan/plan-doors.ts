import type { KubeClient } from '../../clients/kube/client.ts';
import { KubeError } from '../../clients/kube/errors.ts';
import { type Resource, ingresses, networkPolicies, services } from '../../clients/kube/resources.ts';
import type { MutualTLS } from '../../crds/doors.ts';
import type { NetworkPolicySpec, ObjectMeta } from '../../crds/kubernetes.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { doorsOf } from '../../mesh/doors/doors.ts';
import { type IngressFacts, type ServiceFacts, leadsTo } from '../../mesh/doors/leads.ts';
import { isAsWanted, isOurs, policyFacts, policyOf } from '../../mesh/doors/policy.ts';
import { sidecarPolicy } from '../../mesh/names/names.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';

export interface PlannedDoors {
  /** One line about the change that the operator would make to the NetworkPolicy; undefined: none. */
  change: string | undefined;
  /** Sentences about ways that would be cut, and about objects that could not be read. */
  warnings: string[];
}

/** Plans the NetworkPolicy of a MeshService. Before the policy exists all ways that it cuts are named, afterwards only ways from outside the cluster. */
export async function planDoors(
  kube: KubeClient,
  meshService: MeshService,
  pods: readonly PodFacts[],
  standard: MutualTLS,
): Promise<PlannedDoors> {
  const { namespace = '', name } = meshService.metadata;
  const policy = `NetworkPolicy ${sidecarPolicy(name)}`;
  const wanted = policyOf(meshService, standard);
  const read = await allowed(
    kube.get<{ metadata: ObjectMeta; spec?: NetworkPolicySpec }>(networkPolicies, sidecarPolicy(name), namespace),
  );
  if (read === 'forbidden')
    return { change: undefined, warnings: [`${policy}: you may not read it, so it is not planned`] };
  const held = read && policyFacts(read);
  if (held !== undefined && !isOurs(held, meshService))
    return wanted === undefined
      ? { change: undefined, warnings: [] }
      : {
          change: undefined,
          warnings: [`${policy} is of another hand: it would not be touched, and the ports of the app stay open`],
        };
  if (wanted === undefined)
    return { change: held && `delete ${policy}: the ports of the app become open to everybody`, warnings: [] };
  const leads = await leadsOf(kube, meshService, pods, standard);
  const isAsIs = held !== undefined && isAsWanted(held, wanted);
  const admitted = (wanted.spec.ingress?.[0]?.ports ?? []).filter(({ protocol }) => protocol === 'TCP');
  return {
    change: isAsIs
      ? undefined
      : `${held === undefined ? 'make' : 'change'} ${policy}: admits port ${admitted.map(({ port }) => port).join(', ')} and no other`,
    warnings: leads
      .filter(({ fromOutside }) => held === undefined || fromOutside)
      .map(
        ({ text }) =>
          `${text} leads to a port of the app, which spec.mutualTLS Strict closes: callers have to come by the mesh, or the port goes into spec.plaintextPorts`,
      ),
  };
}

async function leadsOf(kube: KubeClient, meshService: MeshService, pods: readonly PodFacts[], standard: MutualTLS) {
  const { namespace = '' } = meshService.metadata;
  const listed = async <T>(resource: Resource): Promise<T[]> => {
    const found = await allowed(kube.list<T>(resource, { namespace }));
    return found === 'forbidden' ? [] : found.items;
  };
  const [all, entries] = await Promise.all([listed<ServiceFacts>(services), listed<IngressFacts>(ingresses)]);
  return leadsTo(meshService, doorsOf(meshService, standard), pods, { services: all, ingresses: entries });
}

const allowed = <T>(asked: Promise<T>): Promise<T | 'forbidden'> =>
  asked.catch((error: unknown) => {
    if (error instanceof KubeError && error.code === 403) return 'forbidden';
    throw error;
  });
