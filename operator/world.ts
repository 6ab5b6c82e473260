import { z } from 'zod';
import type { KubeClient } from '../clients/kube/client.ts';
import type { Log } from '../clients/kube/log.ts';
import { type Reflector, reflect } from '../clients/kube/reflect.ts';
import { meshServices, namespaces, pods } from '../clients/kube/resources.ts';
import type { Pod } from '../crds/kubernetes.ts';
import { type MeshService, type MeshServiceStatus, parseMeshService } from '../crds/mesh-service.ts';
import type { Intent } from '../mesh/desired.ts';
import { equal } from '../mesh/equal.ts';
import { LABEL_MESH, LABEL_MESH_SERVICE } from '../mesh/names.ts';
import { type PodFacts, podFacts } from '../mesh/pod.ts';

/** A MeshService as it was read; `invalid` when it does not fit the schema of this program (an older or newer CRD). */
export interface HeldMeshService {
  metadata: MeshService['metadata'];
  meshService: MeshService | undefined;
  invalid: string | undefined;
  status: MeshServiceStatus | undefined;
  formerServices: string[];
}

/** The operator's memory of the API server: MeshServices, pods of the mesh, and namespaces that have opted in. */
export interface World {
  meshServices: Reflector<HeldMeshService, 'namespace'>;
  pods: Reflector<PodFacts, 'meshService'>;
  namespaces: Reflector<string>;
  synced(): Promise<void>;
  readIntent(key: string): Intent | undefined;
  /** The valid ones of a namespace. */
  inNamespace(namespace: string): MeshService[];
}

export interface WorldOptions {
  kube: KubeClient;
  cluster: string;
  /** A MeshService, one of its pods or its namespace changed. */
  onChange: (key: string) => void;
  signal: AbortSignal;
  log: Log;
}

export function watchWorld({ kube, cluster, onChange, signal, log }: WorldOptions): World {
  const held = reflect<HeldMeshService, RawMeshService, 'namespace'>(kube, meshServices, {
    trim: holdMeshService,
    indexes: { namespace: ({ metadata }) => [metadata.namespace ?? ''] },
    onChange: (key, next) => {
      if (next?.invalid !== undefined)
        log.warn({ meshService: key, problem: next.invalid }, 'a MeshService cannot be read');
      onChange(key);
    },
    signal,
    log,
  });
  const podMirror = reflect<PodFacts, RawPod, 'meshService'>(kube, pods, {
    labelSelector: LABEL_MESH_SERVICE,
    trim: podFacts,
    indexes: { meshService: (pod) => [`${pod.namespace}/${pod.meshService}`] },
    onChange: (_key, next, previous) => {
      // A kubelet writes a pod's status often; only what the core reads makes a walk.
      if (equal(next, previous)) return;
      for (const pod of [next, previous]) if (pod !== undefined) onChange(`${pod.namespace}/${pod.meshService}`);
    },
    signal,
    log,
  });
  const optedIn = reflect<string>(kube, namespaces, {
    labelSelector: `${LABEL_MESH}=enabled`,
    metadataOnly: true,
    trim: (namespace) => namespace.metadata.name,
    onChange: (name) => {
      for (const { metadata } of held.by('namespace', name)) onChange(`${metadata.namespace}/${metadata.name}`);
    },
    signal,
    log,
  });

  return {
    meshServices: held,
    pods: podMirror,
    namespaces: optedIn,
    async synced() {
      await Promise.all([held.synced(), podMirror.synced(), optedIn.synced()]);
    },
    inNamespace: (namespace) =>
      held.by('namespace', namespace).flatMap(({ meshService }) => (meshService === undefined ? [] : [meshService])),
    readIntent(key) {
      const found = held.get(key);
      if (found === undefined) return undefined;
      const { namespace = '', name, deletionTimestamp } = found.metadata;
      // One that cannot be read asks for nothing that is known; one that is being deleted asks for nothing at all.
      if (found.invalid !== undefined && deletionTimestamp === undefined) return undefined;
      return {
        cluster,
        namespace,
        name,
        meshService: deletionTimestamp === undefined ? found.meshService : undefined,
        pods: podMirror.by('meshService', key),
        formerServices: found.formerServices,
      };
    },
  };
}

type RawMeshService = MeshService & { [field: string]: unknown; metadata: { [field: string]: unknown } };
type RawPod = Pod & { [field: string]: unknown; metadata: { [field: string]: unknown } };

/** Must not throw: one object that does not fit must not stop the mirror of all others. */
function holdMeshService(raw: RawMeshService): HeldMeshService {
  const { managedFields: _dropped, ...rest } = raw.metadata;
  const metadata = rest as MeshService['metadata'];
  // Both: a walk may have written under the new name and not lived to say so.
  const names = [raw.status?.consul?.service, raw.spec?.service ?? metadata.name];
  const formerServices = [...new Set(names.filter((service) => service !== undefined && service !== ''))] as string[];
  try {
    const meshService = parseMeshService({ metadata, spec: raw.spec, status: raw.status });
    return { metadata, meshService, invalid: undefined, status: raw.status, formerServices };
  } catch (error) {
    return { metadata, meshService: undefined, invalid: sentenceOf(error), status: raw.status, formerServices };
  }
}

/** zod lists each field that does not fit. */
const sentenceOf = (error: unknown): string =>
  error instanceof z.ZodError
    ? error.issues.map(({ path, message }) => `spec.${path.join('.')}: ${message}`).join('; ')
    : (error as Error).message;
