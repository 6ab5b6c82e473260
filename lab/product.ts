import { buildBundle } from '../build.ts';
import type { Cluster } from './cluster.ts';
import type { Engine } from './engine.ts';
import { type ImageParts, buildImages } from './images/build-images.ts';
import { ensureSample } from './images/sample.ts';
import type { LabNetwork } from './network.ts';
import { podRange } from './network.ts';
import type { Progress } from './progress.ts';
import { applySample, waitForSample } from './sample/in-cluster.ts';
import { install } from './sample/install.ts';
import { joinVms, registerLedger } from './sample/on-vms.ts';
import { ensureVmParts } from './vm/parts.ts';
import { setPodRoutes } from './vm/pod-routes.ts';
import { startVms } from './vm/start.ts';
import type { Vm, VmParts } from './vm/vm.ts';

/** What of the product and the sample does not need the cluster: made while that comes up. */
export interface Made {
  vmParts: VmParts;
  images: ImageParts;
}

export async function makeProduct(progress: Progress): Promise<Made> {
  const bundle = await buildBundle();
  const vmParts = await ensureVmParts(bundle, progress);
  return { vmParts, images: { bundle, sample: await ensureSample(progress) } };
}

/** Puts Landbridge and the sample on a cluster that is up: images, VMs, the chart, MeshServices, members. */
export async function bringIn(
  { engine, network, cluster }: { engine: Engine; network: LabNetwork; cluster: Cluster },
  made: Made,
  progress: Progress,
): Promise<Vm[]> {
  const [vms, tags] = await Promise.all([
    startVms(network, made.vmParts, progress),
    buildImages(engine, made.images, progress),
  ]);
  await setPodRoutes(
    vms,
    (await cluster.nodes()).map(({ address, podCidr }) => ({ address, podCidr })),
  );
  await load(cluster, tags, progress);
  await install(engine, cluster, progress);
  await startSample(cluster, vms, made.images.sample.folder, progress);
  return vms;
}

async function load(cluster: Cluster, tags: string[], progress: Progress): Promise<void> {
  const task = progress.begin('load images into the nodes');
  await cluster.loadImages(tags);
  task.done(`${tags.length} images`);
}

async function startSample(cluster: Cluster, vms: Vm[], folder: string, progress: Progress): Promise<void> {
  const task = progress.begin('sample on pods and VMs');
  try {
    await applySample(cluster);
    await Promise.all([
      joinVms(vms, folder, (line) => progress.say(line)),
      waitForSample(cluster),
      registerLedger(vms[2]!, folder),
    ]);
    task.done(`pods in ${podRange}, VMs ${vms.map(({ address }) => address).join(', ')}`);
  } catch (error) {
    task.failed('landbridge check says more');
    throw error;
  }
}
