import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { diskFolder, type VmSpec } from './vm.ts';

const launcher = `#!/bin/sh
exec /usr/local/bin/node /usr/local/lib/landbridge/landbridge.mjs "$@"
`;

/**
 * Makes an empty disk: the upper layer over the root all VMs share, holding what makes this one itself.
 * `landbridge` is copied onto it, as on a machine it is installed on; Node and Envoy (200 MB) are mounted at boot.
 */
export async function makeDisk({ name, address, parts }: VmSpec): Promise<void> {
  const folder = diskFolder(name);
  await rm(folder, { recursive: true, force: true });
  for (const layer of ['upper', 'work', 'root']) await mkdir(join(folder, layer), { recursive: true });
  const files = Object.entries(ownFiles(name, address));
  for (const [path, text] of files) await write(join(folder, 'upper', path), text, 0o644);
  await symlink('../run/systemd/resolve/stub-resolv.conf', join(folder, 'upper/etc/resolv.conf'));
  await write(join(folder, 'upper/usr/local/bin/landbridge'), launcher, 0o755);
  const bundle = join(folder, 'upper/usr/local/lib/landbridge/landbridge.mjs');
  await mkdir(dirname(bundle), { recursive: true });
  await copyFile(parts.bundle, bundle);
  await chmod(bundle, 0o644);
}

export async function removeDisk(name: string): Promise<void> {
  await rm(diskFolder(name), { recursive: true, force: true });
}

/** The files in which two VMs differ, by path. */
export function ownFiles(name: string, address: string): Record<string, string> {
  return {
    'etc/hostname': `${name}\n`,
    'etc/hosts': `127.0.0.1 localhost\n::1 localhost\n${address} ${name}\n`,
    // systemd takes a machine without an id for one that is booted for the first time, and enables units by preset.
    'etc/machine-id': `${createHash('sha256').update(`landbridge-lab ${name}`).digest('hex').slice(0, 32)}\n`,
  };
}

async function write(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await chmod(path, mode);
}
