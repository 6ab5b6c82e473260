import { cp, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { debianRelease } from '../debian-release.ts';
import { ensureCachedFolder } from '../images/cached-folder.ts';
import { ensureJava } from '../images/java.ts';
import { unpackPackages } from '../images/packages.ts';
import { run } from '../exec.ts';
import type { Progress } from '../progress.ts';

const packages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'iproute2',
  'iputils-ping',
  'procps',
  'curl',
  'ca-certificates',
  // Node's.
  'libstdc++6',
  // The sample's edge.
  'nginx-light',
];

/** Units a package enables that have nothing to do in a VM of the lab; nginx takes its port when the sample says so. */
const disabled = ['nginx.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer', 'fstrim.timer'];

/** Differs from VM to VM, or is the host's; `disk.ts` writes what belongs there. */
const notShared = ['etc/hostname', 'etc/machine-id', 'etc/resolv.conf', 'var/lib/dbus/machine-id'];

/** Gives the path of the Debian all VMs share, with Java at /opt/java; it is made when the cache does not hold it. */
export async function ensureVmRoot(progress: Progress): Promise<string> {
  const { jre } = await ensureJava(progress);
  const folder = await ensureCachedFolder(
    {
      name: 'vm-root',
      from: [debianRelease().codename, ...packages, 'less', ...disabled, basename(dirname(jre))],
      doing: `installing ${packages.length} packages into an empty root`,
      fill: async (draft, task) => {
        const root = join(draft, 'root');
        await unpackPackages('minbase', packages, root, task);
        for (const path of notShared) await rm(join(root, path), { force: true });
        await run('systemctl', ['--quiet', `--root=${root}`, 'disable', ...disabled]);
        await cp(jre, join(root, 'opt/java'), { recursive: true, verbatimSymlinks: true });
        await symlink('/opt/java/bin/java', join(root, 'usr/local/bin/java'));
      },
    },
    progress,
  );
  return join(folder, 'root');
}
