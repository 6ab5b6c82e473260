import { join } from 'node:path';
import { debianRelease } from '../host/debian-release.ts';
import { run } from '../host/exec.ts';
import type { Task } from '../progress/progress.ts';
import type { DebianSource } from './part.ts';

/** Files that nobody reads in a root without logins. */
const omitted = ['doc', 'man', 'locale', 'info', 'lintian'].map((name) => `/usr/share/${name}/*`);

/** Makes root.tar: packages of the host's own release, from the host's own sources, installed into an empty root. */
export async function makeFromDebian(source: DebianSource, folder: string, task: Task): Promise<void> {
  const release = debianRelease();
  if (release.sources.length === 0)
    throw new Error(`no package sources of ${release.id} in /etc/apt: add the distribution's own`);
  await run(
    'mmdebstrap',
    [
      ...[`--variant=${source.variant}`, '--format=tar', `--include=${source.packages.join(',')}`],
      ...omitted.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...[release.codename, join(folder, 'root.tar'), ...release.sources],
    ],
    {
      // mmdebstrap takes its progress bar away when nobody looks, and says one line a step ("I: ...").
      onStderrLine: (line) => {
        if (line.startsWith('I: ')) task.at(line.slice(3));
      },
    },
  );
}
