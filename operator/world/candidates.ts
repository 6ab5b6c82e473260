import type { MeshService } from '../../crds/mesh-service.ts';
import { mayOverlap } from '../../mesh/service/overlap.ts';

/**
 * The other MeshServices of a namespace whose selectors do not exclude each other by their labels. Most namespaces have no such
 * pair, so a walk need not compare all. Looked for once, until one of the namespace changes; a new status leaves the spec the
 * same object.
 */
export function rememberedCandidates(inNamespace: (namespace: string) => MeshService[]) {
  const found = new Map<string, WeakMap<MeshService['spec'], MeshService[]>>();
  return {
    forget: (namespace: string): void => void found.delete(namespace),
    of(meshService: MeshService): MeshService[] {
      const { namespace = '' } = meshService.metadata;
      const known = found.get(namespace) ?? new WeakMap<MeshService['spec'], MeshService[]>();
      found.set(namespace, known);
      const before = known.get(meshService.spec);
      if (before !== undefined) return before;
      const made = inNamespace(namespace).filter((other) => mayOverlap(meshService, other));
      known.set(meshService.spec, made);
      return made;
    },
  };
}
