import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../host/exec.ts';
import { ensurePart } from '../parts/ensure-part.ts';
import { kubernetesVersion } from '../parts/table.ts';
import type { Progress } from '../progress/progress.ts';
import type { ImageSource } from './image-archive.ts';

/** The images of the pod network; default-cni.yaml and network-policies.yaml name them. */
const cniImage = 'localhost/landbridge/cni:v1';
const policyImage = 'localhost/landbridge/kube-router:v2.1.0';

interface Recipe {
  names: string[];
  /** Part to path in the image. */
  files: Record<string, string>;
  entrypoint?: string[];
  /** For what calls iptables and the like: the layer below. */
  base?: 'proxy-root';
}

/** The images kubeadm 1.34 and kind name in their manifests; those say the command where no entry point is here. */
const recipes: readonly Recipe[] = [
  ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((name) => ({
    names: [`registry.k8s.io/${name}:v${kubernetesVersion}`],
    files: { [name]: `usr/local/bin/${name}` },
  })),
  {
    names: [`registry.k8s.io/kube-proxy:v${kubernetesVersion}`],
    files: { 'kube-proxy': 'usr/local/bin/kube-proxy' },
    base: 'proxy-root',
  },
  {
    names: [cniImage],
    files: { cni: 'usr/local/bin/cni' },
    entrypoint: ['/usr/local/bin/cni'],
    base: 'proxy-root',
  },
  {
    names: [policyImage],
    files: { 'kube-router': 'usr/local/bin/kube-router' },
    entrypoint: ['/usr/local/bin/kube-router'],
    base: 'proxy-root',
  },
  { names: ['registry.k8s.io/etcd:3.6.5-0'], files: { etcd: 'usr/local/bin/etcd' } },
  {
    names: ['registry.k8s.io/coredns/coredns:v1.12.1'],
    files: { coredns: 'coredns' },
    entrypoint: ['/coredns'],
  },
  {
    // The first is named in kind's containerd configuration, the second by kubeadm.
    names: ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10.1'],
    files: { pause: 'pause' },
    entrypoint: ['/pause'],
  },
];

/** Every part the images are made of. */
export const imageParts: readonly string[] = [
  ...new Set(recipes.flatMap((recipe) => [...Object.keys(recipe.files), recipe.base ?? []].flat())),
];

/** The names of all images of a node. */
export const imageNames: readonly string[] = recipes.flatMap(({ names }) => names);

/** Makes the layers below `scratch`. */
export async function kubernetesImages(scratch: string, progress: Progress): Promise<ImageSource[]> {
  return Promise.all(
    recipes.map(async ({ names, files, entrypoint, base }, index) => {
      const folder = join(scratch, `layer-${index}`);
      for (const [part, path] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        cpSync(await ensurePart(part, progress), join(folder, path));
      }
      const layer = `${folder}.tar`;
      // Owner and times do not depend on who makes it.
      await run('tar', [
        ...['--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--sort=name'],
        ...['-C', folder, '-cf', layer, '.'],
      ]);
      const below = base === undefined ? [] : [await ensurePart(base, progress)];
      return { names, layers: [...below, layer], entrypoint };
    }),
  );
}
