import { copyFile, chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { debianRelease } from '../../lab/host/debian-release.ts';
import { ensureBaseRoot } from '../../lab/images/base-root.ts';
import { packTar } from '../../lab/images/pack-tar.ts';
import { ensurePart } from '../../lab/parts/ensure-part.ts';
import { partWith } from '../../lab/parts/table.ts';
import { repositoryRoot } from '../../lab/paths.ts';
import type { Progress } from '../../lab/progress/progress.ts';
import { LINUX, type LinuxSystem } from '../systems.ts';
import { billOfImage, debianComponent, githubComponent } from './bill.ts';
import { type ImageConfig, runtimeConfig } from './dockerfile.ts';
import { type Descriptor, type Layer, type Layout, MEDIA, nameManifest, putJson, putLayer } from './layout.ts';
import { putReferrer } from './referrer.ts';

export interface ImagesWanted {
  version: string;
  /** The commit that is released. */
  revision: string;
  /** When it was made, as RFC 3339: the images then have the same bytes each time. */
  created: string;
  bundle: string;
  /** The bill of materials of the bundle, CycloneDX. */
  bill: string;
}

/** An image for one architecture. */
interface Built {
  descriptor: Descriptor;
  bill: string;
}

/** Puts both images into the layout, each for both architectures, with a bill of materials for each. Gives the bills by file name. */
export async function putImages(
  layout: Layout,
  wanted: ImagesWanted,
  progress: Progress,
): Promise<Record<string, string>> {
  const dockerfile = await readFile(join(repositoryRoot, 'Dockerfile'), 'utf8');
  const config = runtimeConfig(dockerfile);
  const bills: Record<string, string> = {};
  const platforms: Record<'landbridge' | 'bridge', Descriptor[]> = { landbridge: [], bridge: [] };
  for (const system of LINUX) {
    const built = await buildSystem(layout, system, wanted, config, progress);
    for (const name of ['landbridge', 'bridge'] as const) {
      const { descriptor, bill } = built[name];
      platforms[name].push({ ...descriptor, platform: { os: 'linux', architecture: system.oci } });
      bills[`${name}-${wanted.version}-image-${system.oci}.cdx.json`] = bill;
      await putReferrer(layout, `landbridge/${name}`, descriptor, bill);
    }
  }
  for (const [name, manifests] of Object.entries(platforms)) {
    const index = await putJson(layout, MEDIA.index, { schemaVersion: 2, mediaType: MEDIA.index, manifests });
    nameManifest(layout, `landbridge/${name}:${wanted.version}`, index);
  }
  return bills;
}

async function buildSystem(
  layout: Layout,
  system: LinuxSystem,
  wanted: ImagesWanted,
  config: ImageConfig,
  progress: Progress,
): Promise<Record<'landbridge' | 'bridge', Built>> {
  const [base, node, envoy] = await Promise.all([
    ensureBaseRoot(progress, system.oci),
    ensurePart(system.node.part, progress),
    ensurePart(system.envoyPart, progress),
  ]);
  const { codename } = debianRelease();
  const programBill = await readFile(wanted.bill, 'utf8');
  const beside = [
    githubComponent('nodejs/node', partWith(system.node.part).part.version),
    ...base.packages.map((file) => debianComponent(file, codename)),
  ];
  const product = [
    await putLayer(layout, base.tar),
    await layerOf(layout, { 'usr/local/bin/node': { from: node, mode: 0o755 } }),
    await layerOf(layout, {
      'app/landbridge.mjs': { from: wanted.bundle, mode: 0o755 },
      'app/landbridge.cdx.json': { from: wanted.bill, mode: 0o644 },
    }),
  ];
  const vmFiles = { [`vm-files/envoy-linux-${system.arch}`]: { from: envoy, mode: 0o755 } };
  const bridge = [...product, await layerOf(layout, vmFiles)];
  const envoyComponent = githubComponent('envoyproxy/envoy', partWith(system.envoyPart).part.version);
  const imageOf = async (name: string, layers: Layer[], components: typeof beside): Promise<Built> => ({
    descriptor: await putManifest(layout, system, layers, wanted, config),
    bill: billOfImage(programBill, { name: `landbridge/${name}`, version: wanted.version }, components),
  });
  return {
    landbridge: await imageOf('landbridge', product, beside),
    bridge: await imageOf('bridge', bridge, [envoyComponent, ...beside]),
  };
}

async function layerOf(layout: Layout, files: Record<string, { from: string; mode: number }>): Promise<Layer> {
  const scratch = await mkdtemp(join(tmpdir(), 'landbridge-layer-'));
  try {
    const root = join(scratch, 'root');
    for (const [path, { from, mode }] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o755 });
      await copyFile(from, join(root, path));
      await chmod(join(root, path), mode);
    }
    const [top] = Object.keys(files)[0]!.split('/');
    await packTar(root, join(scratch, 'layer.tar'), [top!]);
    return await putLayer(layout, join(scratch, 'layer.tar'));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function putManifest(
  layout: Layout,
  { oci }: LinuxSystem,
  layers: readonly Layer[],
  { version, revision, created }: ImagesWanted,
  config: ImageConfig,
): Promise<Descriptor> {
  const labels = {
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.revision': revision,
    'org.opencontainers.image.created': created,
  };
  const image = {
    created,
    architecture: oci,
    os: 'linux',
    config: { ...config, Labels: { ...config.Labels, ...labels } },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: 'landbridge release' })),
  };
  return putJson(layout, MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: await putJson(layout, MEDIA.config, image),
    layers: layers.map(({ descriptor }) => descriptor),
  });
}
