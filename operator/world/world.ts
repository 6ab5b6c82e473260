import type { KubeClient } from '../../clients/kube/client.ts';
import type { Log } from '../../base/log.ts';
import { reflectIn } from '../../clients/kube/watching/reflect-in.ts';
import { type Reflector, reflect } from '../../clients/kube/watching/reflect.ts';
import { meshServices, namespaces, pods } from '../../clients/kube/resources.ts';
import type { Pod } from '../../crds/kubernetes.ts';
import { type MeshService, type MeshServiceStatus, consulName } from '../../crds/mesh-service.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import { equal } from '../../mesh/equal.ts';
import type { DefaultAccess } from '../../mesh/service/default-access.ts';
import { intentOf } from '../../mesh/service/intent.ts';
import { standingOf } from '../../mesh/traffic/holder.ts';
import type { Neighbourhood } from '../../mesh/traffic/problems/problem.ts';
import { admits } from '../../mesh/traffic/problems/problems.ts';
import { servicesOf } from '../../mesh/traffic/subset.ts';
import { withoutSuggestions } from '../../mesh/traffic/problems/suggestions.ts';
import { LABEL_MESH, LABEL_MESH_SERVICE, LABEL_POD_SECURITY } from '../../mesh/names/names.ts';
import { olderFirst, overlapMessage, rivalsOf } from '../../mesh/service/overlap.ts';
import { type PodFacts, podFacts } from '../../mesh/service/pod.ts';
import { rememberedCandidates } from './candidates.ts';
import { type HeldMeshService, type RawMeshService, asksAnew, holdMeshService } from './held-mesh-service.ts';

/** A namespace that has opted in. */
interface HeldNamespace {
  name: string;
  /** The Pod Security standard that it enforces; undefined: none that its labels tell. */
  podSecurity: string | undefined;
}

/** The operator's memory of the API server: MeshServices, pods of the mesh, and namespaces that have opted in. */
export interface World {
  meshServices: Reflector<HeldMeshService, 'namespace' | 'service' | 'calls' | 'joins' | 'admits'>;
  pods: Reflector<PodFacts, 'meshService'>;
  namespaces: Reflector<HeldNamespace>;
  synced(): Promise<void>;
  readIntent(key: string): Intent | undefined;
  /** The valid ones of a namespace. */
  inNamespace(namespace: string): MeshService[];
  /** The other MeshServices of its namespace that select the same pods, oldest first (mesh/service/overlap.ts). */
  rivals(meshService: MeshService): MeshService[];
  /** All MeshServices, as the rules between them need them. */
  around: Neighbourhood;
}

export interface WorldOptions {
  kube: KubeClient;
  cluster: string;
  /** Default: None. */
  defaultAccess?: DefaultAccess;
  /** Namespaces. Default: all. */
  watched?: readonly string[];
  /** A MeshService, one of its pods or its namespace changed. */
  onChange: (key: string) => void;
  /** Nothing but the status of a MeshService changed. */
  onStatus: (key: string, status: MeshServiceStatus | undefined) => void;
  signal: AbortSignal;
  log: Log;
}

export function watchWorld({
  kube,
  cluster,
  watched = [],
  defaultAccess,
  onChange,
  onStatus,
  signal,
  log,
}: WorldOptions): World {
  const candidates = rememberedCandidates((namespace) => inNamespace(namespace));
  const walkRivals = (meshService: MeshService | undefined): void => {
    if (meshService === undefined) return;
    for (const { metadata } of candidates.of(meshService)) onChange(`${metadata.namespace}/${metadata.name}`);
  };
  const held = reflectIn<HeldMeshService, RawMeshService, 'namespace' | 'service' | 'calls' | 'joins' | 'admits'>(
    watched,
    kube,
    meshServices,
    {
      trim: (raw, before) => holdMeshService(raw, before, defaultAccess),
      indexes: {
        namespace: ({ metadata }) => [metadata.namespace ?? ''],
        service: ({ meshService }) => (meshService === undefined ? [] : [consulName(meshService)]),
        calls: ({ meshService }) => meshService?.spec.upstreams.map(({ service }) => service) ?? [],
        joins: ({ meshService }) => servicesOf(meshService?.spec.traffic),
        admits: ({ meshService }) => meshService?.spec.access?.map(({ from }) => from) ?? [],
      },
      onChange: (key, next, previous) => {
        if (asksAnew(next, previous)) {
          if (next?.invalid !== undefined)
            log.warn({ meshService: key, problem: next.invalid }, 'a MeshService cannot be read');
          candidates.forget(next?.metadata.namespace ?? previous?.metadata.namespace ?? '');
          onChange(key);
          for (const one of [next, previous]) walkRivals(one?.meshService);
        } else if (!equal(next?.status, previous?.status)) onStatus(key, next?.status);
        for (const caller of callersLetInOrOut(next, previous)) onChange(caller);
        if (equal(seenByOthers(next), seenByOthers(previous))) return;
        // The rules of a name's holder count. Limits and passive health of a service are entries of its callers; a join waits for its other end.
        const names = [next, previous].flatMap((each) => (each?.meshService ? [consulName(each.meshService)] : []));
        for (const name of new Set(names)) {
          const concerned = [...held.by('calls', name), ...held.by('joins', name)];
          // Whether there is a caller of that name is all that its callee says of it.
          if (next === undefined || previous === undefined) concerned.push(...held.by('admits', name));
          for (const { metadata } of concerned) {
            onChange(`${metadata.namespace}/${metadata.name}`);
          }
        }
      },
      signal,
      log,
    },
  );
  /** Callers whose calls are refused from now on, or no longer: their conditions say it. */
  function callersLetInOrOut(next: HeldMeshService | undefined, previous: HeldMeshService | undefined): string[] {
    const [now, before] = [next?.meshService, previous?.meshService];
    if (now === undefined || before === undefined || equal(now.spec.access, before.spec.access)) return [];
    return held.by('calls', consulName(now)).flatMap(({ metadata, meshService }) => {
      const name = meshService && consulName(meshService);
      if (name === undefined || admits(now, name) === admits(before, name)) return [];
      return [`${metadata.namespace}/${metadata.name}`];
    });
  }
  const podMirror = reflectIn<PodFacts, RawPod, 'meshService'>(watched, kube, pods, {
    labelSelector: LABEL_MESH_SERVICE,
    trim: holdPod,
    indexes: { meshService: (pod) => [`${pod.namespace}/${pod.meshService}`] },
    onChange: (_key, next, previous) => {
      if (next === previous) return;
      for (const pod of [next, previous]) if (pod !== undefined) onChange(`${pod.namespace}/${pod.meshService}`);
      // A first pod with such labels may be another's too.
      if (next !== undefined && previous === undefined)
        walkRivals(held.get(`${next.namespace}/${next.meshService}`)?.meshService);
    },
    signal,
    log,
  });
  const optedIn = reflect<HeldNamespace>(kube, namespaces, {
    labelSelector: `${LABEL_MESH}=enabled`,
    metadataOnly: true,
    trim: ({ metadata: { name, labels } }) => ({ name, podSecurity: labels?.[LABEL_POD_SECURITY] }),
    onChange: (name) => {
      for (const { metadata } of held.by('namespace', name)) onChange(`${metadata.namespace}/${metadata.name}`);
    },
    signal,
    log,
  });

  const those = (index: 'service' | 'joins', name: string): MeshService[] =>
    held.by(index, name).flatMap(({ meshService }) => meshService ?? []);
  const around: Neighbourhood = {
    cluster,
    named: (service) => those('service', service),
    joining: (service) => those('joins', service),
    names: () =>
      held
        .keys()
        .flatMap((key) => held.get(key)?.meshService ?? [])
        .map(consulName),
    versions: ({ metadata }) =>
      podMirror.by('meshService', `${metadata.namespace}/${metadata.name}`).map(({ version }) => version),
  };
  const walked = withoutSuggestions(around);

  const inNamespace = (namespace: string): MeshService[] =>
    held.by('namespace', namespace).flatMap(({ meshService }) => meshService ?? []);
  const labelsOf = ({ metadata }: MeshService): Record<string, string>[] =>
    podMirror.by('meshService', `${metadata.namespace}/${metadata.name}`).map(({ labels }) => labels);
  const rivals = (meshService: MeshService): MeshService[] =>
    rivalsOf(meshService, candidates.of(meshService), labelsOf);
  const overlapOf = (meshService: MeshService): Intent['overlap'] => {
    const [rival] = rivals(meshService);
    if (rival === undefined) return undefined;
    const [older, younger] = [meshService, rival].sort(olderFirst);
    return { message: overlapMessage(older!, younger!), yields: older === rival };
  };

  return {
    around,
    rivals,
    meshServices: held,
    pods: podMirror,
    namespaces: optedIn,
    async synced() {
      await Promise.all([held.synced(), podMirror.synced(), optedIn.synced()]);
    },
    inNamespace,
    readIntent(key) {
      const found = held.get(key);
      if (found === undefined) return undefined;
      const { namespace = '', deletionTimestamp } = found.metadata;
      // One that cannot be read asks for nothing that is known; one that is being deleted asks for nothing at all.
      if (found.invalid !== undefined && deletionTimestamp === undefined) return undefined;
      return intentOf(found, walked, {
        pods: podMirror.by('meshService', key),
        podSecurity: optedIn.get(namespace)?.podSecurity,
        overlap: found.meshService && overlapOf(found.meshService),
      });
    },
  };
}

/** The part of a MeshService on which entries of others depend. */
const seenByOthers = (held: HeldMeshService | undefined): unknown =>
  held?.meshService && [
    consulName(held.meshService),
    held.meshService.spec.protocol,
    held.meshService.spec.traffic,
    held.metadata.deletionTimestamp,
    standingOf(consulName(held.meshService), held.status),
  ];

type RawPod = Pod & { [field: string]: unknown; metadata: { [field: string]: unknown } };

/** A kubelet writes a pod's status often; only what the core reads makes another pod of it. */
export function holdPod(raw: RawPod, held: PodFacts | undefined): PodFacts {
  const facts = podFacts(raw);
  return held !== undefined && equal(facts, held) ? held : facts;
}
