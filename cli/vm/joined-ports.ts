import { readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { readDefinitions } from '../../agent/instances/definitions.ts';
import { type Settings, definitionsFolder } from '../../agent/machine/settings.ts';

/** The ports that root let join, as far as root surely wrote them. */
export interface JoinedPorts {
  ports: Set<number>;
  /** One sentence each. */
  problems: string[];
}

/**
 * The app ports in services.d. Only root may say what is closed: a file or a folder that others can write says nothing. `owner`:
 * the user of this process, root but in tests.
 */
export async function joinedPorts(settings: Settings, owner = process.geteuid?.() ?? 0): Promise<JoinedPorts> {
  const folder = definitionsFolder(settings);
  for (const path of [dirname(folder), folder]) {
    const it = await stat(path).catch(() => undefined);
    if (it === undefined) return { ports: new Set(), problems: [] };
    if (!isOnlyBy(owner, it)) return { ports: new Set(), problems: [notRoots(path)] };
  }
  const { definitions, problems } = await readDefinitions(folder, new Map());
  const ports = new Set<number>();
  for (const [file, { instances }] of definitions) {
    const it = await stat(join(folder, file));
    if (isOnlyBy(owner, it)) for (const { port } of instances) ports.add(port);
    else problems.push(notRoots(join(folder, file)));
  }
  ports.delete(0);
  return { ports, problems };
}

const isOnlyBy = (owner: number, { uid, mode }: { uid: number; mode: number }): boolean =>
  uid === owner && (mode & 0o022) === 0;

const notRoots = (path: string): string =>
  `${path} can be written by others than root, so no port is closed by it: chown root ${path}, chmod go-w ${path}`;

const SSHD = '/etc/ssh/sshd_config';
const MAX_CHARS = 64 * 1024;

/** The ports of sshd, and always 22. */
export async function loginPorts(config = SSHD): Promise<Set<number>> {
  const more = `${config}.d`;
  const names = await readdir(more).catch(() => []);
  const files = [config, ...names.filter((name) => name.endsWith('.conf')).map((name) => join(more, name))].slice(
    0,
    64,
  );
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return new Set([22, ...texts.flatMap((text) => portsOfSshd(text.slice(0, MAX_CHARS)))]);
}

/** Reads sshd_config(5): `Port 2222`, `ListenAddress 10.0.0.1:2222`, `ListenAddress [::]:2222`. */
export function portsOfSshd(text: string): number[] {
  return text.split('\n').flatMap((line) => {
    const [word = '', value = ''] = line.trim().split(/[\s=]+/);
    if (/^port$/i.test(word)) return portOf(value);
    if (/^listenaddress$/i.test(word)) return portOf(/^(?:\[[^\]]*\]|[^:]*):(\d+)$/.exec(value)?.[1] ?? '');
    return [];
  });
}

function portOf(text: string): number[] {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? [port] : [];
}
