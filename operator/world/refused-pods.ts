import type { KubeClient } from '../../clients/kube/client.ts';
import type { Log } from '../../base/log.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { reflectIn } from '../../clients/kube/watching/reflect-in.ts';
import { type Resource, daemonSets, events, jobs, replicaSets, statefulSets } from '../../clients/kube/resources.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { type PodRefusal, refusalOf } from '../../mesh/service/pod-refusal.ts';
import { selects } from '../../mesh/service/selector.ts';
import type { World } from './world.ts';

/** The kinds that make pods and write an event when they cannot. */
const OWNERS: Record<string, Resource> = {
  ReplicaSet: replicaSets,
  StatefulSet: statefulSets,
  DaemonSet: daemonSets,
  Job: jobs,
};

/** Owners that are remembered at once; beyond it the one with the oldest event is removed. */
const MAX_OWNERS = 2000;
const MAX_NOTE_CHARS = 1000;

export interface RefusedPodsOptions {
  kube: Pick<KubeClient, 'pages' | 'stream' | 'get'>;
  world: Pick<World, 'meshServices' | 'namespaces'>;
  /** Namespaces. Default: all. */
  watched: readonly string[];
  /** Something is known of pods that this MeshService selects. */
  onChange: (key: string) => void;
  signal: AbortSignal;
  log: Log;
}

export interface RefusedPods {
  /** The last thing that was said of pods that it selects and that could not be made. */
  of(meshService: MeshService): PodRefusal | undefined;
}

interface Event extends KubeObject {
  regarding?: { kind?: string; name?: string; namespace?: string; uid?: string };
  note?: string;
  eventTime?: string | null;
  series?: { lastObservedTime?: string } | null;
  deprecatedLastTimestamp?: string | null;
}

/** The fields of an event that are kept. */
interface Said {
  kind: string;
  name: string;
  namespace: string;
  uid: string;
  note: string;
  atMs: number;
}

interface Refused extends PodRefusal {
  namespace: string;
  labels: Record<string, string>;
}

/**
 * Pods that the API server refuses after the webhook has answered, by a quota or a limit range above all, are seen by
 * nobody but their owner, which says so in an event. These events are watched: where none are, it costs nothing. One look
 * at each owner tells which pods it would make.
 */
export function watchRefusedPods({ kube, world, watched, onChange, signal, log }: RefusedPodsOptions): RefusedPods {
  /** Key: the uid of the owner. The owner of the newest event is the last one. */
  const known = new Map<string, Refused>();
  const asked = new Map<string, Promise<Record<string, string> | undefined>>();

  const labelsOf = async ({ kind, name, namespace }: Said): Promise<Record<string, string> | undefined> => {
    type Owner = KubeObject & { spec?: { template?: { metadata?: { labels?: Record<string, string> } } } };
    try {
      const owner = await kube.get<Owner>(OWNERS[kind]!, name, namespace);
      return owner?.spec?.template?.metadata?.labels;
    } catch (error) {
      log.warn({ err: error, owner: `${kind} ${namespace}/${name}` }, 'could not look at who makes pods');
      return undefined;
    }
  };
  const tell = ({ namespace, labels }: Refused): void => {
    for (const { meshService } of world.meshServices.by('namespace', namespace))
      if (meshService !== undefined && selectsLabels(meshService, labels)) onChange(keyOf(meshService));
  };
  const take = async (said: Said): Promise<void> => {
    const { kind, name, namespace, uid, note, atMs } = said;
    if (OWNERS[kind] === undefined || world.namespaces.get(namespace) === undefined) return;
    const looked = asked.get(uid) ?? labelsOf(said);
    asked.set(uid, looked);
    const labels = await looked;
    if (labels === undefined) return void asked.delete(uid);
    const refused = { ...refusalOf(kind, name, note, atMs), namespace, labels };
    const before = known.get(uid);
    if (before !== undefined && before.atMs > refused.atMs) return;
    known.delete(uid);
    known.set(uid, refused);
    if (known.size > MAX_OWNERS) forget(known.keys().next().value!);
    tell(refused);
  };
  const forget = (uid: string): void => {
    const refused = known.get(uid);
    known.delete(uid);
    asked.delete(uid);
    if (refused !== undefined) tell(refused);
  };

  const mirror = reflectIn<Said, Event>(watched, kube, events, {
    fieldSelector: 'reason=FailedCreate',
    trim: saidIn,
    onChange: (_key, next, previous) => {
      if (next !== undefined) void take(next);
      else if (previous !== undefined) forget(previous.uid);
    },
    signal,
    log,
  });
  void mirror.synced().catch(() => undefined);

  return {
    of: (meshService) =>
      [...known.values()]
        .filter(
          ({ namespace, labels }) => namespace === meshService.metadata.namespace && selectsLabels(meshService, labels),
        )
        .reduce<Refused | undefined>(
          (last, one) => (last === undefined || one.atMs >= last.atMs ? one : last),
          undefined,
        ),
  };
}

const selectsLabels = ({ spec }: MeshService, labels: Record<string, string>): boolean =>
  spec.workloads.pods !== undefined && selects(spec.workloads.pods.selector, labels);

const keyOf = ({ metadata }: MeshService): string => `${metadata.namespace}/${metadata.name}`;

const saidIn = ({ metadata, regarding, note, series, deprecatedLastTimestamp, eventTime }: Event): Said => ({
  kind: regarding?.kind ?? '',
  name: regarding?.name ?? '',
  namespace: regarding?.namespace ?? metadata.namespace ?? '',
  uid: regarding?.uid ?? '',
  note: (note ?? '').slice(0, MAX_NOTE_CHARS),
  atMs: Date.parse(series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? '') || 0,
});
