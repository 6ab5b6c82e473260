import type { KubeClient } from '../../clients/kube/client.ts';
import { withoutStubDomain } from '../../mesh/names/stub-domain.ts';
import { COREDNS, type ConfigMapName, editCorefile } from './corefile.ts';

/** Takes out only our own block. Gives the work done, in words. */
export async function disableDns(kube: KubeClient, at: ConfigMapName = COREDNS): Promise<string> {
  const changed = await editCorefile(kube, at, withoutStubDomain);
  const where = `ConfigMap ${at.namespace}/${at.name}`;
  return changed ? `${where} forwards *.consul no more` : `${where} has nothing of ours`;
}
