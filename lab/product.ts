import { buildBundle } from '../build/build.ts';
import { type Cluster, waitForDns, waitForPolicyEngine } from './cluster/cluster.ts';
import type { Engine } from './engine/engine.ts';
import { buildImages } from './images/build-images.ts';
import { ensureSample } from './images/sample.ts';
import type { PublishedImages } from './images/published.ts';
import type { LabNetwork } from './network/network.ts';
import { podRange } from './network/network.ts';
import type { Progress } from './progress/progress.ts';
import { gatewayAddresses } from './sample/edge-gateway.ts';
import { applySample, waitForSample } from './sample/in-cluster.ts';
import { install } from './sample/install.ts';
import { joinVms, registerLedger } from './sample/on-vms.ts';
import { landbridge } from './sample/landbridge.ts';
import { step } from './progress/step.ts';
import { ensureVmParts } from './vm/parts.ts';
import { setPodRoutes } from './vm/pod-routes.ts';
import { startVms } from './vm/start.ts';
import type { Vm } from './vm/vm.ts';

/** The parts that do not need the cluster. They are made while it comes up. */
export interface Product {
  vms: Vm[];
  /** Tags of the images the cluster runs. */
  images: string[];
  /** Folder of the built sample. */
  sample: string;
}

/** `published`: images that the engine has pulled, in whose place nothing is built. */
export async function makeProduct(
  engine: Engine,
  network: LabNetwork,
  published: PublishedImages | undefined,
  progress: Progress,
): Promise<Product> {
  const [bundle, sample] = await Promise.all([buildBundle(), ensureSample(progress)]);
  const vms = await startVms(network, await ensureVmParts(bundle, progress), progress);
  return { vms, images: await buildImages(engine, { bundle, sample, published }, progress), sample: sample.folder };
}

/** Puts Landbridge and the sample on a cluster that is up and has the images: the chart, MeshServices, members. */
export async function bringIn(engine: Engine, cluster: Cluster, product: Product, progress: Progress): Promise<void> {
  await setPodRoutes(product.vms, await cluster.nodes());
  await Promise.all([
    step(progress, 'CoreDNS', () => waitForDns(cluster)),
    step(progress, 'network policies', () => waitForPolicyEngine(cluster)),
  ]);
  await install(engine, cluster, progress);
  // Not waited for: CoreDNS takes it over within two minutes, and the sample needs none of these names.
  await step(progress, 'DNS for *.consul', () => landbridge(['dns', 'enable', '--timeout', '0s']));
  await startSample(cluster, product.vms, product.sample, progress);
}

async function startSample(cluster: Cluster, vms: Vm[], folder: string, progress: Progress): Promise<void> {
  const task = progress.begin('sample on pods and VMs');
  try {
    await applySample(cluster);
    await Promise.all([
      joinVms(vms, folder, await gatewayAddresses(cluster), (line) => progress.say(line)),
      waitForSample(cluster),
      registerLedger(vms[2]!, folder),
    ]);
    task.done(`pods in ${podRange}, VMs ${vms.map(({ address }) => address).join(', ')}`);
  } catch (error) {
    task.failed('landbridge check says more');
    throw error;
  }
}
