import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DebianRelease {
  /** `debian`, `ubuntu`, ...; 'unknown' where /etc/os-release says nothing. */
  id: string;
  /** Code name of the suite, as `bookworm`. */
  codename: string;
  /** The host's own package sources, which the roots made here are installed from. */
  sources: string[];
}

/** The release of this host. Packages come from the same sources as its own. */
export function debianRelease(etc = '/etc'): DebianRelease {
  const release = readOsRelease(join(etc, 'os-release'));
  return {
    id: release.ID ?? 'unknown',
    codename: release.VERSION_CODENAME ?? 'unknown',
    sources: sourceFiles(join(etc, 'apt'), release.ID ?? ''),
  };
}

function readOsRelease(file: string): Record<string, string | undefined> {
  if (!existsSync(file)) return {};
  const lines = readFileSync(file, 'utf8').split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const [key, ...value] = line.split('=');
      return [key, value.join('=').replaceAll('"', '')];
    }),
  );
}

/** The distribution's own sources: third parties' need keys and packages that have no place in a small root. */
function sourceFiles(apt: string, id: string): string[] {
  const folder = join(apt, 'sources.list.d');
  const named = existsSync(folder)
    ? readdirSync(folder).filter((name) => name === `${id}.sources` || name === `${id}.list`)
    : [];
  const found = named.map((name) => join(folder, name));
  const list = join(apt, 'sources.list');
  if (existsSync(list) && /^deb /m.test(readFileSync(list, 'utf8'))) found.push(list);
  return found;
}
