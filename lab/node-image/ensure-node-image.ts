import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { debianRelease } from '../host/debian-release.ts';
import type { Engine } from '../engine/engine.ts';
import { holdsImage } from '../images/published.ts';
import { digestOfFolder, partFolder } from '../parts/recipe.ts';
import { kubernetesVersion, partWith } from '../parts/table.ts';
import { repositoryRoot } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';
import { assembleNodeImage, nodeImageParts } from './assemble.ts';

const repository = 'landbridge/node';

/** The name that the node image gets where it is assembled here. */
const assembledName = (): string => `${repository}:${nodeImageTag()}`;

/** Whether an earlier start has assembled the node image that this one would: then nothing has to be pulled. */
export const holdsAssembled = (engine: Engine): Promise<boolean> => holdsImage(engine, assembledName());

/** Gives the name of the node image assembled from parts. The second time the engine holds it already. */
export async function ensureNodeImage(engine: Engine, progress: Progress): Promise<string> {
  const assembled = assembledName();
  if (await holdsAssembled(engine)) return assembled;
  await assembleNodeImage(engine, assembled, progress);
  await removeOthers(engine, assembled);
  return assembled;
}

/** Changes with everything that goes into the image. */
function nodeImageTag(): string {
  const release = debianRelease().codename;
  const parts = nodeImageParts.map((name) => partFolder(partWith(name).part, release)).sort();
  const own = digestOfFolder(join(repositoryRoot, 'lab', 'node-image'));
  const hash = createHash('sha256')
    .update(JSON.stringify([...new Set(parts), own]))
    .digest('hex');
  return `v${kubernetesVersion}-${hash.slice(0, 12)}`;
}

async function removeOthers(engine: Engine, kept: string): Promise<void> {
  const listed = await engine.docker(['images', '--format', '{{.Repository}}:{{.Tag}}', repository]);
  const old = listed.split('\n').filter((image) => image !== '' && image !== kept);
  if (old.length > 0) await engine.docker(['rmi', ...old]);
}
