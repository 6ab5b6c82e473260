import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import type { Engine } from '../../../lab/engine/engine.ts';
import { imageTags } from '../../../lab/images/build-images.ts';
import { buildImage } from '../../../lab/images/build-image.ts';
import { loadImages } from '../../../lab/cluster/load-images.ts';
import { repositoryRoot } from '../../../lab/paths.ts';
import { silent } from '../../../lab/progress/progress.ts';

const exec = promisify(execFile);

/**
 * The version from which upgrades begin: the last commit before the coming release. A release sets it to its own commit.
 */
const PREVIOUS = '2877db8b7e9c1cd039d9f4446acd9f552ba25563';
const TAGS = { landbridge: 'landbridge/landbridge:previous', bridge: 'landbridge/bridge:previous' };

export interface PreviousVersion {
  /** Folder of its Helm chart. */
  chart: string;
  /** Path of its program, one ESM file. */
  bundle: string;
  /** These values as far as it knows them, with its own images. */
  values(present: object): object;
  remove(): Promise<void>;
}

/** The former version's chart, and its program in images that the nodes of the lab have. Throws in a shallow clone. */
export async function previousVersion(engine: Engine): Promise<PreviousVersion> {
  await exec('git', ['cat-file', '-e', `${PREVIOUS}^{commit}`], { cwd: repositoryRoot }).catch(() => {
    throw new Error(`this clone has no commit ${PREVIOUS}, from which upgrades begin: git fetch --unshallow`);
  });
  const dist = join(repositoryRoot, 'dist');
  await mkdir(dist, { recursive: true });
  const folder = await mkdtemp(join(dist, 'previous-'));
  const script = 'git -C "$1" archive "$2" | tar -x -C "$3"';
  await exec('sh', ['-euc', script, 'previous', repositoryRoot, PREVIOUS, folder]);
  // Its list of what is in the bundle goes by paths, so a symbolic link would not do.
  await exec('cp', ['-al', join(repositoryRoot, 'node_modules'), folder]);
  for (const script of ['build', 'build:chart']) await exec('npm', ['run', script], { cwd: folder });
  const bundle = join(folder, 'dist', 'landbridge.mjs');
  for (const which of ['landbridge', 'bridge'] as const) {
    const dockerfile = `FROM ${imageTags[which]}\nCOPY landbridge.mjs /app/landbridge.mjs\n`;
    await buildImage(engine, { tag: TAGS[which], dockerfile, context: { 'landbridge.mjs': bundle } });
  }
  await loadImages(engine, Object.values(TAGS), silent);
  const chart = join(folder, 'dist', 'charts', 'landbridge');
  const defaults = load(await readFile(join(chart, 'values.yaml'), 'utf8')) as object;
  return {
    chart,
    bundle,
    values: (present) => known({ ...present, images: { ...imageTags, ...TAGS } }, defaults) as object,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Without keys that the defaults do not have. A map that is empty there takes any. */
function known(given: unknown, defaults: unknown): unknown {
  if (!isMap(given) || !isMap(defaults) || Object.keys(defaults).length === 0) return given;
  const entries = Object.entries(given).filter(([key]) => Object.hasOwn(defaults, key));
  return Object.fromEntries(entries.map(([key, value]) => [key, known(value, defaults[key])]));
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
