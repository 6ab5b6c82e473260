import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { debianRelease } from '../debian-release.ts';
import { run } from '../exec.ts';
import type { Progress } from '../progress.ts';
import { ensureCachedFolder } from './cached-folder.ts';
import { unpackPackages } from './packages.ts';

const packages = ['libc6', 'libstdc++6', 'zlib1g', 'ca-certificates'];

/** Where Debian and Ubuntu keep libraries; with merged /usr both are one. */
const libraries = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'];
/** The libraries that Envoy (only the first line), Node and Java load. */
const loaded = [
  ...['ld-linux-x86-64', 'libc', 'libm', 'libdl', 'libpthread', 'librt', 'libresolv', 'libnss_dns', 'libnss_files'],
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

/**
 * Gives the path of a tar with the root file system all images of the lab stand on: libraries, the authorities that sign
 * public certificates, and two user names; no shell and no package manager. Made when the cache does not hold it.
 */
export async function ensureBaseRoot(progress: Progress): Promise<string> {
  const folder = await ensureCachedFolder(
    {
      name: 'base-root',
      from: [debianRelease().codename, ...packages, ...loaded, ...Object.values(files), 'layout 1'],
      doing: 'unpacking libraries and certificates',
      fill: async (draft, task) => {
        const unpacked = join(draft, 'packages');
        await unpackPackages('extract', packages, unpacked, task);
        const root = join(draft, 'root');
        await takeLibraries(unpacked, root);
        await takeCertificates(unpacked, root);
        for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text, { mode: 0o644 });
        await cp('/etc/os-release', join(root, 'etc/os-release'), { dereference: true });
        for (const path of ['dev', 'home', 'proc', 'run', 'sys', 'tmp', 'var/tmp'])
          await mkdir(join(root, path), { recursive: true });
        for (const path of ['tmp', 'var/tmp']) await chmod(join(root, path), 0o1777);
        await run('tar', ['-C', root, '--numeric-owner', '--sort=name', '-cf', join(draft, 'base.tar'), '.']);
        for (const path of [unpacked, root]) await rm(path, { recursive: true });
      },
    },
    progress,
  );
  return join(folder, 'base.tar');
}

async function takeLibraries(unpacked: string, root: string): Promise<void> {
  const to = join(root, 'usr/lib/x86_64-linux-gnu');
  await mkdir(to, { recursive: true });
  for (const from of libraries.map((path) => join(unpacked, path))) {
    const names = await readdir(from);
    for (const name of names.filter((one) => loaded.some((library) => one.startsWith(`${library}.so`))))
      await cp(join(from, name), join(to, name), { verbatimSymlinks: true, force: true });
  }
  // Merged /usr, as Debian has it; the loader is where every executable looks for it.
  await mkdir(join(root, 'usr/lib64'));
  await symlink('../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', join(root, 'usr/lib64/ld-linux-x86-64.so.2'));
  for (const path of ['lib', 'lib64']) await symlink(`usr/${path}`, join(root, path));
}

async function takeCertificates(unpacked: string, root: string): Promise<void> {
  const from = join(unpacked, 'usr/share/ca-certificates/mozilla');
  const names = (await readdir(from)).filter((name) => name.endsWith('.crt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(from, name), 'utf8')));
  await mkdir(join(root, 'etc/ssl/certs'), { recursive: true });
  await writeFile(join(root, 'etc/ssl/certs/ca-certificates.crt'), texts.join(''), { mode: 0o644 });
}
