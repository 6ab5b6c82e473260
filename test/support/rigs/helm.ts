import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import { buildChart } from '../../../build/chart.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { VERSION_OF_PRODUCT } from '../../../mesh/installation/version.ts';
import type { Manifest } from '../../unit/charts/objects.ts';

const run = promisify(execFile);

export interface Helm {
  /** The chart as built from the sources. */
  directory: string;
  archive: string;
  /** The objects for these values. Rejects with Helm's own words. */
  template(values: unknown, ...args: string[]): Promise<Manifest[]>;
  run(...args: string[]): Promise<string>;
  /** The path of a file of these values. */
  valuesFile(values: unknown): Promise<string>;
  remove(): Promise<void>;
}

/** The real Helm, and our chart in a folder of its own. */
export async function helmWithChart(version = VERSION_OF_PRODUCT): Promise<Helm> {
  const binary = await ensurePart('helm', silent);
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-chart-'));
  const { directory, archive } = await buildChart(folder, version);
  const helm = async (...args: string[]): Promise<string> => {
    try {
      const env = { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder };
      return (await run(binary, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout;
    } catch (error) {
      throw new Error((error as { stderr?: string }).stderr || (error as Error).message, { cause: error });
    }
  };
  async function valuesFile(values: unknown): Promise<string> {
    const file = join(folder, 'values.json');
    await writeFile(file, JSON.stringify(values));
    return file;
  }
  return {
    directory,
    archive,
    run: helm,
    valuesFile,
    async template(values, ...args) {
      const text = await helm('template', 'landbridge', directory, '-f', await valuesFile(values), ...args);
      return loadAll(text).filter((object): object is Manifest => Boolean(object));
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
