import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { debianRelease } from '../host/debian-release.ts';
import { run } from '../host/exec.ts';
import { ensureCachedFolder } from '../images/cached-folder.ts';
import { unpackPackages } from '../images/packages.ts';
import type { Progress } from '../progress/progress.ts';

const packages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  // Resolves names as an Ubuntu or a Fedora does; Debian leaves it to choice.
  'systemd-resolved',
  'libnss-resolve',
  'iproute2',
  'nftables',
  'iputils-ping',
  'procps',
  'curl',
  // The ports of apps are closed by it.
  'nftables',
  'ca-certificates',
  // Node's.
  'libstdc++6',
  // The sample's packages: its edge, and the libraries of a Java runtime.
  'nginx-light',
  'zlib1g',
];

/** Units a package enables that have nothing to do in a VM of the lab; nginx takes its port when the sample says so. */
const disabled = ['nginx.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer', 'fstrim.timer'];

/** Differs from VM to VM, or is the host's; `disk.ts` writes what belongs there. */
const notShared = ['etc/hostname', 'etc/machine-id', 'etc/resolv.conf', 'var/lib/dbus/machine-id'];

/** Gives the path of the Debian all VMs share; it is made when the cache does not hold it. */
export async function ensureVmRoot(progress: Progress): Promise<string> {
  const folder = await ensureCachedFolder(
    {
      name: 'vm-root',
      from: [debianRelease().codename, ...packages, 'less', ...disabled, ...notShared],
      doing: `installing ${packages.length} packages into an empty root`,
      fill: async (draft, task) => {
        const root = join(draft, 'root');
        await unpackPackages('minbase', packages, root, task);
        for (const path of notShared) await rm(join(root, path), { force: true });
        await run('systemctl', ['--quiet', `--root=${root}`, 'disable', ...disabled]);
      },
    },
    progress,
  );
  return join(folder, 'root');
}
