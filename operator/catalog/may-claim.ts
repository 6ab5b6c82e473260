import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { namespaces } from '../../clients/kube/resources.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { mayClaimAnnotation } from '../../mesh/names/names.ts';
import type { MayClaim } from './catalog.ts';

/**
 * An annotation of the installation's own Namespace allows MeshServices of a namespace to claim names in Consul that have
 * instances already. A role with `resources: ["*"]` in a namespace opens its own Namespace object, and not this one.
 */
export const mayClaimOver =
  (kube: Pick<KubeClient, 'get'>): MayClaim =>
  async (namespace, service) => {
    const found = await kube.get<KubeObject>(namespaces, NAMESPACE);
    const said = found?.metadata.annotations?.[mayClaimAnnotation(namespace)] ?? '';
    const names = said.split(',').map((name) => name.trim());
    return names.includes('*') || names.includes(service);
  };
