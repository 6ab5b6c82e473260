import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import { pods } from '../../clients/kube/resources.ts';
import type { Log } from '../../base/log.ts';
import type { LabelSelector } from '../../crds/kubernetes.ts';
import { LABEL_INJECT, LABEL_MESH_SERVICE } from '../../mesh/names/names.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import { selectorQuery } from '../../mesh/service/selector.ts';
import { isCalled } from '../../mesh/status/not-ready.ts';
import { type Outside, outsideOf } from '../../mesh/status/outside.ts';
import { type PodWithoutSidecar, podWithoutSidecar } from '../../mesh/status/without-sidecar.ts';
import { isMadeByNobody } from '../world/pod-makers.ts';

/** The facts around a MeshService that no watch brings. */
export interface Found {
  podsWithoutSidecar: PodWithoutSidecar[];
  external: Outside;
  nobodyMakesPods: boolean;
}

export const NOTHING_FOUND: Found = {
  podsWithoutSidecar: [],
  external: { ready: 0, total: 0 },
  nobodyMakesPods: false,
};

interface Parts {
  kube: Pick<KubeClient, 'list'>;
  consul: Pick<Consul, 'health'>;
  log: Log;
}

/** Looks around one MeshService; `before`: the findings of the look before. Throws when it cannot. */
export async function lookAround(parts: Parts, intent: Intent, before: Found | undefined): Promise<Found> {
  const { kube, consul } = parts;
  const { pods: selection, external } = intent.meshService!.spec.workloads;
  const [podsWithoutSidecar, outside] = await Promise.all([
    selection === undefined ? [] : podsWithout(kube, intent.namespace, selection.selector),
    external === undefined ? { ready: 0, total: 0 } : countExternal(consul, intent, before?.external),
  ]);
  const isEmpty = intent.pods.length + podsWithoutSidecar.length === 0;
  const waits = selection !== undefined && isEmpty && !isCalled(intent.meshService);
  const nobodyMakesPods = waits && (await nobodyMakes(parts, intent, selection.selector));
  return { podsWithoutSidecar, external: outside, nobodyMakesPods };
}

/** Live pods that the selector matches and that no injection has marked, by name. */
async function podsWithout(
  kube: Pick<KubeClient, 'list'>,
  namespace: string,
  selector: LabelSelector,
): Promise<PodWithoutSidecar[]> {
  const labelSelector = [selectorQuery(selector), `!${LABEL_MESH_SERVICE}`, `${LABEL_INJECT}!=false`].join(',');
  const fieldSelector = 'status.phase!=Succeeded,status.phase!=Failed';
  const { items } = await kube.list(pods, { namespace, labelSelector, fieldSelector, metadataOnly: true });
  return items.map(({ metadata }) => podWithoutSidecar(metadata)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function countExternal(consul: Pick<Consul, 'health'>, intent: Intent, before: Outside | undefined) {
  const service = intent.meshService!.spec.service ?? intent.name;
  const outside = (await consul.health(service)).filter((instance) => instance.service.Meta.platform !== 'pod');
  return outsideOf(outside, before);
}

/** A look that fails proves nothing, and the rest of the walk does not depend on it. */
async function nobodyMakes({ kube, log }: Parts, { namespace, name }: Intent, selector: LabelSelector) {
  try {
    return await isMadeByNobody(kube, namespace, selector);
  } catch (error) {
    log.warn({ err: error, meshService: `${namespace}/${name}` }, 'could not look for workloads that make its pods');
    return false;
  }
}
