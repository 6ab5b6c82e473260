import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { output, run } from '../host/exec.ts';
import type { Task } from '../progress/progress.ts';
import type { GoSource } from './part.ts';
import { goDirectory } from './recipe.ts';

/**
 * The committed go.sum is complete, so nothing is looked up elsewhere, and read-only, so nothing but what is pinned
 * can get in. Go's own caches keep what was downloaded and compiled when a build is interrupted.
 */
const env = {
  CGO_ENABLED: '0',
  GOFLAGS: '-mod=readonly -buildvcs=false',
  GOWORK: 'off',
  GOOS: 'linux',
  GOARCH: 'amd64',
};

/** One Go build at a time: two would only take the cores from each other. */
let lastBuild: Promise<unknown> = Promise.resolve();

export function makeFromGo(source: GoSource, folder: string, task: Task): Promise<void> {
  task.at('waiting for the build before it');
  const mine = lastBuild.then(() => build(source, folder, task));
  lastBuild = mine.catch(() => undefined);
  return mine;
}

async function build(source: GoSource, folder: string, task: Task): Promise<void> {
  task.startsNow();
  const options = { cwd: join(goDirectory, source.module), env };
  const variables = Object.entries(source.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const binaries = join(folder, 'bin');
  mkdirSync(binaries);
  let packages = 0;
  await run(
    'go',
    [
      ...['build', '-v', '-trimpath', '-ldflags', ['-s -w', ...variables].join(' ')],
      ...['-o', `${binaries}/`, ...source.commands],
    ],
    {
      ...options,
      onStderrLine: (line) => {
        if (line.startsWith('go: downloading ')) task.at(line.slice(4));
        else task.at(`compiling, ${++packages} packages`);
      },
    },
  );
  for (const { dependency, folder: from, to } of source.copies ?? []) {
    const module = await output('go', ['list', '-m', '-f', '{{.Dir}}', dependency], options);
    cpSync(join(module, from), join(folder, to), { recursive: true });
  }
}
