import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attempt, output, run } from '../lab/host/exec.ts';
import { releaseChangelog } from './changelog.ts';

export interface Stage {
  /** A clone of the repository, with the commit of the release on top. */
  folder: string;
  notes: string;
  commit: string;
}

/** Names of our images with a version, in texts that people copy. */
const IMAGES = /(landbridge\/(?:landbridge|bridge)):\d+\.\d+\.\d+[-.0-9A-Za-z]*/g;
const TEXTS = ['Dockerfile', 'Dockerfile.bridge', 'README.md', 'docs/*.md'];

/**
 * Makes the release's commit in a clone, so that the tree of its user stays as it is, and a release holds only committed
 * files. `use` gets the clone; it is gone afterwards.
 */
export async function withStage<T>(
  repository: string,
  version: string,
  day: string,
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'landbridge-release-'));
  const folder = join(scratch, 'landbridge');
  try {
    await run('git', ['clone', '--quiet', '--shared', repository, folder]);
    // A copy by links where the file system can: the stage has the very packages of the lock file.
    const copy = (how: string) => attempt('cp', [how, join(repository, 'node_modules'), folder]);
    if ((await copy('-al')).code !== 0) {
      await rm(join(folder, 'node_modules'), { recursive: true, force: true });
      await run('cp', ['-a', join(repository, 'node_modules'), folder]);
    }
    const notes = await writeVersion(folder, version, day);
    const who = ['-c', 'user.name=Landbridge', '-c', 'user.email=landbridge@localhost'];
    await run('git', [...who, 'commit', '--quiet', '--all', '--message', `chore(release): ${version}`], {
      cwd: folder,
    });
    await run('git', [...who, 'tag', '--annotate', `v${version}`, '--message', `Landbridge ${version}`], {
      cwd: folder,
    });
    return await use({ folder, notes, commit: await output('git', ['rev-parse', 'HEAD'], { cwd: folder }) });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Writes the version wherever it is said, and makes generated files again. Gives the notes of the release. */
async function writeVersion(folder: string, version: string, day: string): Promise<string> {
  const change = async (path: string, edit: (text: string) => string): Promise<void> => {
    const file = join(folder, path);
    await writeFile(file, edit(await readFile(file, 'utf8')));
  };
  const { text, notes } = releaseChangelog(await readFile(join(folder, 'CHANGELOG.md'), 'utf8'), version, day);
  await writeFile(join(folder, 'CHANGELOG.md'), text);
  await change('package.json', (json) => json.replace(/"version": "[^"]+"/, `"version": "${version}"`));
  // The first two are of the project itself.
  await change('package-lock.json', (json) => {
    const lock = JSON.parse(json) as { version: string; packages: Record<string, { version: string }> };
    lock.version = version;
    lock.packages['']!.version = version;
    return `${JSON.stringify(lock, undefined, 2)}\n`;
  });
  const texts = (await output('git', ['ls-files', ...TEXTS], { cwd: folder })).split('\n');
  for (const path of texts) await change(path, (before) => before.replaceAll(IMAGES, `$1:${version}`));
  await run('npm', ['run', '--silent', 'generate'], { cwd: folder });
  const golden = ['node_modules/.bin/mocha', 'test/golden/**/*.test.ts'];
  await run('node', golden, { cwd: folder, env: { UPDATE_GOLDEN: '1' } });
  return notes;
}
