import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../host/exec.ts';
import { cacheDirectory, repositoryRoot } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';

/** The sample, built: a folder for each part of it. One with a Dockerfile is a whole image context. */
export interface Sample {
  folder: string;
  /** The parts that are images. */
  images: string[];
}

/** Builds what of the sample is not up to date, with its own program: the sample knows nothing of the lab. */
export async function ensureSample(progress: Progress): Promise<Sample> {
  const folder = join(cacheDirectory(), 'sample');
  const task = progress.begin('sample');
  task.at('building');
  try {
    const { stdout } = await run('node', ['--import', 'tsx', 'services/build.ts', folder], { cwd: repositoryRoot });
    task.done(stdout.includes('built ') ? 'built' : 'up to date');
  } catch (error) {
    task.failed('building');
    throw error;
  }
  return { folder, images: await contexts(folder) };
}

async function contexts(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return files.flatMap((file) => /^([^./][^/]*)\/Dockerfile$/.exec(file)?.[1] ?? []).sort();
}
