import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chartFiles } from './charts/helm/chart-files.ts';

const run = promisify(execFile);

/**
 * Writes Helm's chart below `folder`: the directory landbridge, and the package landbridge-VERSION.tgz, which is the same
 * to the byte for the same sources. Gives both paths. `version` defaults to that of package.json.
 */
export async function buildChart(
  folder = fileURLToPath(new URL('dist/charts', import.meta.url)),
  version?: string,
): Promise<{ directory: string; archive: string }> {
  const chosen = version ?? (await packageVersion());
  const directory = join(folder, 'landbridge');
  await rm(directory, { recursive: true, force: true });
  for (const [path, text] of Object.entries(chartFiles(chosen))) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  const archive = join(folder, `landbridge-${chosen}.tgz`);
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'];
  await run('tar', ['-C', folder, ...same, '--use-compress-program=gzip -n', '-cf', archive, 'landbridge']);
  return { directory, archive };
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { directory, archive } = await buildChart();
  process.stdout.write(`${directory}\n${archive}\n`);
}
