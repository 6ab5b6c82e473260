import type { LabelSelector } from '../crds/kubernetes.ts';
import type { MeshService } from '../crds/mesh-service.ts';
import { selects } from './selector.ts';

/** Of two MeshServices the one that was there first; by name where both came in the same second, or from one file. */
export const olderFirst = (a: MeshService, b: MeshService): number => {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? '~'} ${metadata.name}`);
  return left! < right! ? -1 : left === right ? 0 : 1;
};

/**
 * Whether two selectors select the same pods, as far as can be told: one asks for all that the other asks for, or both
 * select one of these pods. `pods` are sets of labels; they are looked at only where the selectors may agree.
 */
export function overlap(a: LabelSelector, b: LabelSelector, pods: () => Iterable<Record<string, string>>): boolean {
  const [left, right] = [a.matchLabels ?? {}, b.matchLabels ?? {}];
  if (Object.entries(left).some(([key, value]) => right[key] !== undefined && right[key] !== value)) return false;
  if (narrows(a, b) || narrows(b, a)) return true;
  for (const labels of pods()) if (selects(a, labels) && selects(b, labels)) return true;
  return false;
}

/** `wide` asks for labels alone, and `narrow` for each of them too. */
const narrows = (narrow: LabelSelector, wide: LabelSelector): boolean =>
  !wide.matchExpressions?.length &&
  Object.entries(wide.matchLabels ?? {}).every(([key, value]) => narrow.matchLabels?.[key] === value);

/** The other MeshServices that select pods of this one, oldest first. */
export function rivalsOf(
  meshService: MeshService,
  inNamespace: readonly MeshService[],
  podsOf: (meshService: MeshService) => Iterable<Record<string, string>>,
): MeshService[] {
  const own = meshService.spec.workloads.pods?.selector;
  if (own === undefined) return [];
  function* pods(other: MeshService) {
    yield* podsOf(meshService);
    yield* podsOf(other);
  }
  return inNamespace
    .filter((other) => {
      const { metadata, spec } = other;
      if (metadata.name === meshService.metadata.name || metadata.deletionTimestamp !== undefined) return false;
      const theirs = spec.workloads.pods?.selector;
      return theirs !== undefined && overlap(own, theirs, () => pods(other));
    })
    .sort(olderFirst);
}

/** Said of a pod, or of all pods that both select. */
export const overlapMessage = (older: MeshService, younger: MeshService): string =>
  `MeshServices ${older.metadata.name} and ${younger.metadata.name} select the same pods, and a pod is an instance of one: ${older.metadata.name}, the older, has them; narrow the selector of ${younger.metadata.name}`;
