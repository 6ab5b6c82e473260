import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { debianRelease } from '../host/debian-release.ts';
import type { Progress } from '../progress/progress.ts';
import { packTar } from './pack-tar.ts';
import { ensureCachedFolder } from './cached-folder.ts';
import { unpackPackages } from './packages.ts';

/** The packages of which files are taken. The others are dependencies of their scripts. */
const kept = ['libc6', 'libgcc-s1', 'libstdc++6', 'zlib1g', 'ca-certificates'];
const packages = ['libc6', 'libstdc++6', 'zlib1g', 'ca-certificates'];

/** By Debian's name of an architecture: its folder of libraries, and the loader with the folder where executables look for it. */
const MACHINES = {
  amd64: { triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2', loaderFolder: 'lib64' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1', loaderFolder: 'lib' },
};
export type Architecture = keyof typeof MACHINES;
/** The libraries that Envoy (only the first line), Node and Java load. */
const loaded = [
  ...[
    'ld-linux-x86-64',
    'ld-linux-aarch64',
    'libc',
    'libm',
    'libdl',
    'libpthread',
    'librt',
    'libresolv',
    'libnss_dns',
    'libnss_files',
  ],
  ...['libmvec', 'libstdc++', 'libgcc_s', 'libz'],
];

const files = {
  'etc/passwd': `root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
`,
  'etc/group': `root:x:0:
nobody:x:65534:
nonroot:x:65532:
`,
  'etc/nsswitch.conf': `passwd: files
group: files
hosts: files dns
`,
};

export interface BaseRoot {
  tar: string;
  /** Names of the files of the packages inside: `libc6_2.36-9_amd64.deb`. */
  packages: string[];
}

/**
 * Gives a tar with the root file system all images stand on: libraries, the authorities that sign
 * public certificates, and two user names; no shell and no package manager. Made when the cache does not hold it.
 */
export async function ensureBaseRoot(progress: Progress, architecture: Architecture = 'amd64'): Promise<BaseRoot> {
  const machine = MACHINES[architecture];
  const folder = await ensureCachedFolder(
    {
      name: `base-root-${architecture}`,
      from: [debianRelease().codename, architecture, ...packages, ...loaded, ...Object.values(files), 'layout 2'],
      doing: 'unpacking libraries and certificates',
      fill: async (draft, task) => {
        const unpacked = join(draft, 'packages');
        await unpackPackages('extract', packages, unpacked, task, { architecture, list: join(draft, 'packages.txt') });
        const root = join(draft, 'root');
        await takeLibraries(unpacked, root, machine);
        await takeCertificates(unpacked, root);
        for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text, { mode: 0o644 });
        await cp('/etc/os-release', join(root, 'etc/os-release'), { dereference: true });
        for (const path of ['dev', 'home', 'proc', 'run', 'sys', 'tmp', 'var/tmp'])
          await mkdir(join(root, path), { recursive: true });
        for (const path of ['tmp', 'var/tmp']) await chmod(join(root, path), 0o1777);
        await packTar(root, join(draft, 'base.tar'));
        for (const path of [unpacked, root]) await rm(path, { recursive: true });
      },
    },
    progress,
  );
  const list = await readFile(join(folder, 'packages.txt'), 'utf8');
  const inside = list.split('\n').filter((name) => kept.includes(name.split('_')[0]!));
  return { tar: join(folder, 'base.tar'), packages: inside };
}

async function takeLibraries(unpacked: string, root: string, machine: (typeof MACHINES)[Architecture]): Promise<void> {
  const { triplet, loader, loaderFolder } = machine;
  const to = join(root, 'usr/lib', triplet);
  await mkdir(to, { recursive: true });
  // With merged /usr both are one.
  for (const from of ['lib', 'usr/lib'].map((path) => join(unpacked, path, triplet))) {
    const names = await readdir(from);
    for (const name of names.filter((one) => loaded.some((library) => one.startsWith(`${library}.so`))))
      await cp(join(from, name), join(to, name), { verbatimSymlinks: true, force: true });
  }
  // Merged /usr, as Debian has it; the loader is where every executable looks for it.
  await mkdir(join(root, 'usr/lib64'));
  await symlink(relative(loaderFolder, join('lib', triplet, loader)), join(root, 'usr', loaderFolder, loader));
  for (const path of ['lib', 'lib64']) await symlink(`usr/${path}`, join(root, path));
}

async function takeCertificates(unpacked: string, root: string): Promise<void> {
  const from = join(unpacked, 'usr/share/ca-certificates/mozilla');
  const names = (await readdir(from)).filter((name) => name.endsWith('.crt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(from, name), 'utf8')));
  await mkdir(join(root, 'etc/ssl/certs'), { recursive: true });
  await writeFile(join(root, 'etc/ssl/certs/ca-certificates.crt'), texts.join(''), { mode: 0o644 });
}
