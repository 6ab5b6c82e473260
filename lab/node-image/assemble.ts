import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { run } from '../host/exec.ts';
import { ensurePart } from '../parts/ensure-part.ts';
import { kubernetesVersion } from '../parts/table.ts';
import { cacheDirectory, repositoryRoot } from '../paths.ts';
import type { Progress, Task } from '../progress/progress.ts';
import { writeImageArchive } from './image-archive.ts';
import { imageParts, kubernetesImages } from './kubernetes-images.ts';

const sources = join(repositoryRoot, 'lab', 'node-image');

/** Every part the node image is made of. */
export const nodeImageParts: readonly string[] = [
  ...new Set([...imageParts, 'node-root', 'kubelet', 'kubeadm', 'crictl', 'kind-node-files']),
];

/** Makes the node image from pinned parts under the given name. The engine must be up. */
export async function assembleNodeImage(engine: Engine, image: string, progress: Progress): Promise<void> {
  await Promise.all(nodeImageParts.map((part) => ensurePart(part, progress)));
  const task = progress.begin(`node image ${image}`);
  mkdirSync(cacheDirectory(), { recursive: true });
  const scratch = mkdtempSync(join(cacheDirectory(), 'node-image-'));
  try {
    await assemble(engine, image, scratch, progress, task);
  } catch (error) {
    task.failed('not assembled');
    throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  task.done('assembled');
}

async function assemble(engine: Engine, image: string, scratch: string, progress: Progress, task: Task): Promise<void> {
  const root = join(scratch, 'root');
  mkdirSync(root);
  task.at('unpacking the root and the images');
  const [digests] = await Promise.all([
    kubernetesImages(scratch, progress).then((images) =>
      writeImageArchive(images, join(scratch, 'images.tar'), join(scratch, 'archive')),
    ),
    fillRoot(root, progress),
  ]);
  await run('mv', [join(scratch, 'images.tar'), join(root, 'images.tar')]);
  task.at('preparing the root, preloading its images');
  await prepareRoot(root, digests);
  task.at('importing');
  // A pipe of two commands: the archive is read once and written nowhere else.
  await engine.run('bash', [
    '-c',
    `set -o pipefail; tar -C "$1" --one-file-system --numeric-owner -cf - . |
      docker import --change 'ENV container=docker' \
        --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' - "$2"`,
    'import',
    root,
    image,
  ]);
}

async function fillRoot(root: string, progress: Progress): Promise<void> {
  await run('tar', ['-C', root, '--numeric-owner', '-xf', await ensurePart('node-root', progress)]);
  await copyKindFiles(root, await ensurePart('kind-node-files', progress));
  const kubernetes = await ensurePart('kubernetes', progress);
  for (const name of ['kubeadm', 'kubelet', 'kubectl'])
    copyFileSync(join(kubernetes, 'bin', name), join(root, 'usr/bin', name));
  copyFileSync(await ensurePart('crictl', progress), join(root, 'usr/local/bin/crictl'));
  mkdirSync(join(root, 'kind/manifests'), { recursive: true });
  writeFileSync(join(root, 'kind/manifests/default-cni.yaml'), podNetworkManifest());
  copyFileSync(join(sources, 'default-storage.yaml'), join(root, 'kind/manifests/default-storage.yaml'));
  writeFileSync(join(root, 'kind/version'), `v${kubernetesVersion}`);
}

/** kind applies one file for the pod network: ours holds the daemon that makes it and the one that enforces policies. */
export function podNetworkManifest(): string {
  const texts = ['default-cni.yaml', 'network-policies.yaml'].map((name) => readFileSync(join(sources, name), 'utf8'));
  return texts.join('---\n');
}

/** The files of kind's own base image, which are part of the kind module. */
async function copyKindFiles(root: string, files: string): Promise<void> {
  const modes = { 'usr/local/bin': 0o755, 'kind/bin': 0o755 };
  for (const folder of ['etc', 'kind', 'usr/local/bin']) {
    // The Go module cache is read-only, and has no executable bits.
    cpSync(join(files, folder), join(root, folder), { recursive: true });
  }
  await run('chmod', ['-R', 'u=rwX,go=rX', join(root, 'etc/systemd/system'), join(root, 'kind')]);
  for (const [folder, mode] of Object.entries(modes)) {
    for (const name of readdirSync(join(files, folder))) chmodSync(join(root, folder, name), mode);
  }
  // Where root lacks CAP_SYS_RESOURCE no process may have an oom_score_adj below its parent's, which is what a pod's
  // sandbox asks for; with this containerd asks for what it can have.
  const config = join(root, 'etc/containerd/config.toml');
  const text = readFileSync(config, 'utf8');
  const changed = text.replace('restrict_oom_score_adj = false', 'restrict_oom_score_adj = true');
  if (changed === text) throw new Error(`kind's containerd configuration has changed: ${config}`);
  writeFileSync(config, changed);
}

/** In namespaces of its own, so its mounts and processes end with it. */
async function prepareRoot(root: string, layers: string[]): Promise<void> {
  const script = readFileSync(join(sources, 'prepare-root.sh'), 'utf8');
  await run('unshare', [
    ...['--mount', '--pid', '--fork', '--kill-child=SIGKILL', `--mount-proc=${join(root, 'proc')}`],
    ...['chroot', root, '/bin/sh', '-c', script, 'prepare-root', ...layers],
  ]);
}
