import type { LabelSelector } from '../../crds/kubernetes.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { selects } from './selector.ts';

/** Of two MeshServices the one that was there first; by name where both came in the same second, or from one file. */
export const olderFirst = (a: MeshService, b: MeshService): number => {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? '~'} ${metadata.name}`);
  return left! < right! ? -1 : left === right ? 0 : 1;
};

/** Whether two MeshServices may select the same pods: their selectors do not ask for different values of one label. */
export function mayOverlap(a: MeshService, b: MeshService): boolean {
  const [left, right] = [a, b].map(({ spec }) => spec.workloads.pods?.selector);
  if (left === undefined || right === undefined || a.metadata.name === b.metadata.name) return false;
  if (b.metadata.deletionTimestamp !== undefined) return false;
  const theirs = right.matchLabels ?? {};
  for (const key in left.matchLabels)
    if (theirs[key] !== undefined && theirs[key] !== left.matchLabels[key]) return false;
  return true;
}

/**
 * The other MeshServices that select pods of this one, oldest first. Two overlap when one selector has all requirements of the
 * other, or when both select a pod that is there. `podsOf` gives the labels of the pods of each.
 */
export function rivalsOf(
  meshService: MeshService,
  candidates: readonly MeshService[],
  podsOf: (meshService: MeshService) => Record<string, string>[],
): MeshService[] {
  const own = meshService.spec.workloads.pods?.selector;
  if (own === undefined) return [];
  return candidates
    .filter((other) => {
      if (!mayOverlap(meshService, other)) return false;
      const theirs = other.spec.workloads.pods!.selector;
      if (narrows(own, theirs) || narrows(theirs, own)) return true;
      return (
        podsOf(meshService).some((labels) => selects(theirs, labels)) ||
        podsOf(other).some((labels) => selects(own, labels))
      );
    })
    .sort(olderFirst);
}

/** `wide` asks for labels alone, and `narrow` for each of them too. */
const narrows = (narrow: LabelSelector, wide: LabelSelector): boolean =>
  !wide.matchExpressions?.length &&
  Object.entries(wide.matchLabels ?? {}).every(([key, value]) => narrow.matchLabels?.[key] === value);

/** Said of all pods that both select. */
export const overlapMessage = (older: MeshService, younger: MeshService): string =>
  `MeshServices ${older.metadata.name} and ${younger.metadata.name} select the same pods, and a pod is an instance of one: ${older.metadata.name}, the older, has them; narrow the selector of ${younger.metadata.name}`;
