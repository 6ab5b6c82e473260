import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { VERSION_OF_PRODUCT } from '../mesh/installation/version.ts';
import { chartFiles } from '../charts/helm/chart-files.ts';

const run = promisify(execFile);

/**
 * Writes Helm's chart below `folder`: the directory landbridge, and the package landbridge-VERSION.tgz, which is the same
 * to the byte for the same sources. Gives both paths. `version` is that of the program by default.
 */
export async function buildChart(
  folder = fileURLToPath(new URL('../dist/charts', import.meta.url)),
  version = VERSION_OF_PRODUCT,
): Promise<{ directory: string; archive: string }> {
  const directory = join(folder, 'landbridge');
  await rm(directory, { recursive: true, force: true });
  for (const [path, text] of Object.entries(chartFiles(version))) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  const archive = join(folder, `landbridge-${version}.tgz`);
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'];
  await run('tar', ['-C', folder, ...same, '--use-compress-program=gzip -n', '-cf', archive, 'landbridge']);
  return { directory, archive };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { directory, archive } = await buildChart();
  process.stdout.write(`${directory}\n${archive}\n`);
}
