import type { KubeObject } from '../../../clients/kube/object.ts';
import { NAMESPACE } from '../../../mesh/installation/installation.ts';
import type { Step } from '../step.ts';

const TEMPLATE = '/spec/template';

/**
 * The sentence about parts whose pods go on because nothing of them changes, the names of their images neither. An image that was
 * built or pushed again under its name is not seen by anybody. Undefined: there is no such part.
 */
export function sameImages(steps: readonly Step[]): string | undefined {
  const parts = steps.filter(
    (step) =>
      ['Deployment', 'StatefulSet'].includes(step.object.kind ?? '') &&
      (step.do === 'keep' || (step.do === 'change' && !step.fields.some((field) => field.startsWith(TEMPLATE)))),
  );
  const open = parts
    .map(({ object }) => ({ name: `${object.kind!.toLowerCase()}/${object.metadata.name}`, images: imagesOf(object) }))
    .filter(({ images }) => images.length > 0);
  if (open.length === 0) return undefined;
  const images = [...new Set(open.flatMap((part) => part.images))].sort().join(', ');
  return `pods of ${open.map(({ name }) => name).join(', ')} stay as they are, since their images have the names of before (${images}). Where one was built again under its name: kubectl -n ${NAMESPACE} rollout restart ${open.map(({ name }) => name).join(' ')}`;
}

/** A digest says the content itself. */
function imagesOf({ spec }: KubeObject & { spec?: unknown }): string[] {
  const { containers = [] } =
    (spec as { template?: { spec?: { containers?: { image: string }[] } } }).template?.spec ?? {};
  return containers.map(({ image }) => image).filter((image) => !image.includes('@'));
}
