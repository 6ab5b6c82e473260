import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateDirectory } from '../paths.ts';

/**
 * Settings that a kubelet makes for the whole machine at its start (kubelet's setupKernelTunables): its node is a container
 * here, but these have no namespace.
 */
const changedByNodes = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

/**
 * The needs of three nodes and three VMs, which all run as root: each systemd, kubelet, containerd and pod watches files. With
 * the kernel's usual 128 instances a kubelet ends with "inotify_init: too many open files".
 */
const least: Record<string, number> = {
  'fs/inotify/max_user_instances': 1024,
  'fs/inotify/max_user_watches': 524_288,
};

/** Where the values are kept, and where the kernel has them; other folders in tests. */
export interface Places {
  file: string;
  kernel: string;
}

const here: Places = { file: join(stateDirectory, 'kernel-settings.json'), kernel: '/proc/sys' };

/**
 * Raises the settings that a lab needs higher, and keeps their values from before the first node started. Values that a killed start kept stays.
 */
export function changeKernelSettings({ file, kernel }: Places = here): void {
  if (!existsSync(file)) keep({ file, kernel });
  for (const [name, wanted] of Object.entries(least)) {
    const path = join(kernel, name);
    if (existsSync(path) && Number(readFileSync(path, 'utf8')) < wanted) writeFileSync(path, String(wanted));
  }
}

function keep({ file, kernel }: Places): void {
  mkdirSync(join(file, '..'), { recursive: true });
  const values = [...changedByNodes, ...Object.keys(least)]
    .map((name) => [name, join(kernel, name)] as const)
    .filter(([, path]) => existsSync(path))
    .map(([name, path]) => [name, readFileSync(path, 'utf8').trim()]);
  writeFileSync(file, JSON.stringify(Object.fromEntries(values)));
}

/** Sets what was kept, where it is something else by now. */
export function restoreKernelSettings({ file, kernel }: Places = here): void {
  if (!existsSync(file)) return;
  const values = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  for (const [name, value] of Object.entries(values)) {
    const path = join(kernel, name);
    if (readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value);
  }
}
