import type { KubeClient } from '../clients/kube/client.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import { namespaces } from '../clients/kube/resources.ts';
import { ANNOTATION_MAY_CLAIM } from '../mesh/names.ts';
import type { MayClaim } from './catalog.ts';

/** An annotation of the namespace allows its MeshServices to claim names in Consul that have instances already. */
export const mayClaimOver =
  (kube: Pick<KubeClient, 'get'>): MayClaim =>
  async (namespace, service) => {
    const found = await kube.get<KubeObject>(namespaces, namespace);
    const names = (found?.metadata.annotations?.[ANNOTATION_MAY_CLAIM] ?? '').split(',').map((name) => name.trim());
    return names.includes('*') || names.includes(service);
  };
