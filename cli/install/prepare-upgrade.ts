import { judgeReshape } from '../../mesh/installation/reshape.ts';
import { heldShape } from './shape/held-shape.ts';
import { type ReshapeOptions, reshape } from './shape/reshape.ts';
import { shapeOfEnvironment } from './shape/wanted-shape.ts';

/** The values cannot be gone over to; another try gives the same. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused';
}

/**
 * Prepares an installation for the values that Helm is about to apply. Throws UpgradeRefused, with a sentence for each value that cannot
 * change and the way round, before it touches anything.
 */
export async function prepareUpgrade(
  options: ReshapeOptions & { env: Record<string, string | undefined> },
): Promise<void> {
  const wanted = shapeOfEnvironment(options.env);
  const held = await heldShape(options.kube, wanted.priorityClass.name);
  const { refusals, steps } = judgeReshape(held, wanted);
  if (refusals.length > 0) throw new UpgradeRefused(`${refusals.join('\n')}\nNothing was changed`);
  if (steps.length === 0) options.say('Helm can do all of it by itself');
  await reshape(options, steps);
}
