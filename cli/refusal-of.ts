import type { KubeClient } from '../clients/kube/client.ts';
import { KubeError } from '../clients/kube/errors.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import { meshServices, objectPath } from '../clients/kube/resources.ts';

/** Of the API server's answer, what the user has to know. */
const PREAMBLE = /^.*?: \d{3} \w+: /;
const BY_WEBHOOK = 'denied the request';

/**
 * With what words `kubectl apply` of this MeshService would be refused, by the CRD or by the operator's webhook; undefined:
 * it would be taken, or we may not ask. A dry run: nothing is stored. Throws KubeError when nobody answers.
 */
export async function refusalOf(kube: KubeClient, object: KubeObject, namespace: string): Promise<string | undefined> {
  const { name } = object.metadata;
  try {
    await kube.request('PATCH', objectPath(meshServices, name, namespace), {
      body: { ...object, metadata: { ...object.metadata, namespace } },
      contentType: 'application/apply-patch+yaml',
      query: { fieldManager: 'landbridge-plan', force: true, fieldValidation: 'Strict', dryRun: 'All' },
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError) || error.kind !== 'fix') throw error;
    const unasked = error.code === 401 || (error.code === 403 && !error.message.includes(BY_WEBHOOK));
    return unasked ? undefined : error.message.replace(PREAMBLE, '');
  }
}
