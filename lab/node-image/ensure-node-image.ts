import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { debianRelease } from '../host/debian-release.ts';
import type { Engine } from '../engine/engine.ts';
import { digestOfFolder, partFolder } from '../parts/recipe.ts';
import { kubernetesVersion, partWith } from '../parts/table.ts';
import { repositoryRoot } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';
import { assembleNodeImage, nodeImageParts } from './assemble.ts';

/** kind's own image of the same Kubernetes minor, for engines that can pull it. */
const published = 'kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a';
const repository = 'landbridge/node';

/**
 * Gives the name of a node image the engine holds: kind's published one on the user's own engine where it can be
 * pulled, else one assembled here. The second time either is there already.
 */
export async function ensureNodeImage(engine: Engine, progress: Progress): Promise<string> {
  const assembled = `${repository}:${nodeImageTag()}`;
  if (await holds(engine, assembled)) return assembled;
  if (engine.kind === 'host' && (await pullPublished(engine, progress))) return published;
  await assembleNodeImage(engine, assembled, progress);
  await removeOthers(engine, assembled);
  return assembled;
}

/** Changes with everything that goes into the image. */
export function nodeImageTag(): string {
  const release = debianRelease().codename;
  const parts = nodeImageParts.map((name) => partFolder(partWith(name).part, release)).sort();
  const own = digestOfFolder(join(repositoryRoot, 'lab', 'node-image'));
  const hash = createHash('sha256')
    .update(JSON.stringify([...new Set(parts), own]))
    .digest('hex');
  return `v${kubernetesVersion}-${hash.slice(0, 12)}`;
}

async function holds(engine: Engine, image: string): Promise<boolean> {
  return engine.docker(['image', 'inspect', '--format', '{{.Id}}', image]).then(
    () => true,
    () => false,
  );
}

/** false: the registry cannot be reached from here. A pull that has begun may take its time. */
async function pullPublished(engine: Engine, progress: Progress): Promise<boolean> {
  if (await holds(engine, published)) return true;
  const task = progress.begin('kind node image');
  try {
    await engine.docker(['manifest', 'inspect', published], { timeoutMs: 20_000 });
  } catch {
    task.done('cannot be pulled from here, so one is assembled');
    return false;
  }
  task.at('pulling');
  await engine.docker(['pull', '--quiet', published]).catch((error: unknown) => {
    task.failed('pulling');
    throw error;
  });
  task.done('pulled');
  return true;
}

async function removeOthers(engine: Engine, kept: string): Promise<void> {
  const listed = await engine.docker(['images', '--format', '{{.Repository}}:{{.Tag}}', repository]);
  const old = listed.split('\n').filter((image) => image !== '' && image !== kept);
  if (old.length > 0) await engine.docker(['rmi', ...old]);
}
