import { debianRelease } from '../host/debian-release.ts';
import { run } from '../host/exec.ts';
import type { Task } from '../progress/progress.ts';

/** Files that nobody reads in a root without people. */
const omitted = ['doc', 'man', 'locale', 'info', 'lintian'].map((name) => `/usr/share/${name}/*`);

/**
 * Unpacks packages of the host's own release and what they depend on, from the host's own sources, into the empty folder
 * `root`. `extract` runs no maintainer script and brings neither shell nor package manager; `minbase` is a small but
 * whole system. `architecture`, as Debian calls it, is the host's by default. The names of the package files, in which their
 * versions are, go to the file `list`.
 */
export async function unpackPackages(
  variant: 'extract' | 'minbase',
  packages: readonly string[],
  root: string,
  task: Task,
  { architecture, list }: { architecture?: string; list?: string } = {},
): Promise<void> {
  const { id, codename, sources } = debianRelease();
  if (sources.length === 0) throw new Error(`no package sources of ${id} in /etc/apt: add the distribution's own`);
  const excludes = omitted.map((path) => `--dpkgopt=path-exclude=${path}`);
  await run(
    'mmdebstrap',
    [
      ...[`--variant=${variant}`, `--include=${packages.join(',')}`, ...excludes],
      ...(architecture === undefined ? [] : [`--architectures=${architecture}`]),
      ...(list === undefined ? [] : [`--extract-hook=ls "$1"/var/cache/apt/archives >'${list}'`]),
      ...[codename, root, ...sources],
    ],
    {
      onStderrLine: (line) => {
        if (line.startsWith('I: ')) task.at(line.slice(3));
      },
    },
  );
}
