import { REASONS } from '../../crds/reasons.ts';
import type { Intent } from '../service/desired.ts';
import { type Verdict, verdict } from './condition.ts';
import { olderPodsMessage } from './older-pods.ts';
import { type PodWithoutSidecar, withoutSidecarMessage } from './without-sidecar.ts';

/** Whether each pod of a MeshService has its sidecar, with all that the containers of a new pod would get. */
export function injectedVerdict(
  intent: Intent,
  seen: { namespaceEnabled: boolean; podsRefused?: string | undefined; podsWithoutSidecar: PodWithoutSidecar[] },
): Verdict {
  if (intent.meshService?.spec.workloads.pods === undefined) return verdict('True', 'NoPodsSelected');
  if (!seen.namespaceEnabled) {
    return verdict(
      'False',
      'NamespaceNotEnabled',
      `${REASONS.NamespaceNotEnabled} Run: kubectl label namespace ${intent.namespace} landbridge.dev/mesh=enabled --overwrite`,
    );
  }
  if (seen.podsRefused !== undefined) return verdict('False', 'PodsRefused', seen.podsRefused);
  if (intent.overlap !== undefined) return verdict('False', 'SelectorsOverlap', intent.overlap.message);
  if (seen.podsWithoutSidecar.length > 0)
    return verdict('False', 'PodsWithoutSidecar', withoutSidecarMessage(seen.podsWithoutSidecar, intent.namespace));
  const older = olderPodsMessage(intent);
  return older === undefined ? verdict('True', 'AllPodsInjected') : verdict('False', 'PodsWithoutVariable', older);
}
