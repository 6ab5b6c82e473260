import type { KubeClient } from '../../clients/kube/client.ts';
import { KubeError } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { meshServices, namespaces } from '../../clients/kube/resources.ts';
import type { Pod } from '../../crds/kubernetes.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { LABEL_MESH, SIDECAR_CONTAINER } from '../../mesh/names/names.ts';
import { type Verdict, failed, ok, warning } from './check.ts';
import { dryRunCreate, probePod } from './probe-pod.ts';

/** Namespaces that are tried at most: each may refuse the probe pod for a reason of its own. */
const MAX_TRIES = 20;

interface Probe {
  namespace: string;
  labels: Record<string, string>;
  /** Selects the pod; undefined: no MeshService does, and the webhook is asked all the same. */
  meshService: string | undefined;
}

/** The namespaces of the mesh in which pods can be made. */
export async function meshNamespaces(kube: KubeClient): Promise<string[]> {
  type Namespace = KubeObject & { metadata: { deletionTimestamp?: string } };
  const { items } = await kube.list<Namespace>(namespaces, {
    labelSelector: `${LABEL_MESH}=enabled`,
    metadataOnly: true,
  });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
}

/** Asks for a pod as a dry run, in one namespace after the other until the answer says something of the webhook. */
export async function webhookAnswers(kube: KubeClient, enabled: string[]): Promise<Verdict> {
  let refusal: Verdict | undefined;
  for (const probe of await probesIn(kube, enabled)) {
    const verdict = await ask(kube, probe);
    if (verdict.hint === undefined) return refusal?.hint === SIDECAR_REFUSED ? refusal : verdict;
    refusal = refusal?.hint === SIDECAR_REFUSED ? refusal : verdict;
  }
  return refusal ?? ok('not asked: it is for namespaces that have opted in, and there is none');
}

/** First a pod that would get a sidecar in each namespace, then any pod. */
async function probesIn(kube: KubeClient, enabled: string[]): Promise<Probe[]> {
  const { items } = await kube.list<MeshService & { metadata: object }>(meshServices);
  const selected = new Map<string, Probe>();
  for (const { metadata, spec } of items) {
    const selector = spec.workloads?.pods?.selector;
    const { namespace = '', name } = metadata;
    if (selector?.matchLabels === undefined || selector.matchExpressions?.length || selected.has(namespace)) continue;
    if (enabled.includes(namespace))
      selected.set(namespace, { namespace, labels: selector.matchLabels, meshService: name });
  }
  const others = enabled
    .filter((namespace) => !selected.has(namespace))
    .map((namespace) => ({ namespace, labels: {}, meshService: undefined }));
  return [...selected.values(), ...others].slice(0, MAX_TRIES);
}

/** Headings of docs/troubleshooting.md. */
const SIDECAR_REFUSED = 'podsrefused';
const PROBE_REFUSED = 'probe-pod-refused';

async function ask(kube: KubeClient, { namespace, labels, meshService }: Probe): Promise<Verdict> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  try {
    const pod = await dryRunCreate<Pod>(kube, path, probePod(labels));
    if (meshService === undefined) return ok(`asked for a pod in ${namespace}`);
    return pod.spec.initContainers?.some(({ name }) => name === SIDECAR_CONTAINER)
      ? ok(`a pod of ${namespace}/${meshService} would get its sidecar`)
      : failed(`a pod of ${namespace}/${meshService} would get no sidecar`);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const { message } = error;
    if (/failed calling webhook "[^"]*landbridge\.dev"/.test(message)) return failed(message);
    // Refusing is answering too.
    if (/admission webhook "[^"]*landbridge\.dev" denied/.test(message)) return ok('it refuses the pod asked for');
    if (message.includes(SIDECAR_CONTAINER))
      return warning(`it answers, and in ${namespace} the sidecar is refused: ${message}`, SIDECAR_REFUSED);
    // One that began to be deleted a moment ago among them.
    if (error.kind === 'retry') throw error;
    return warning(`a dry run of a pod is refused: ${message}`, PROBE_REFUSED);
  }
}
