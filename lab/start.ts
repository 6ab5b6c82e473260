import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claimLab } from './checkout.ts';
import { cleanUp } from './clean-up.ts';
import { createCluster } from './cluster/cluster.ts';
import { startEngine } from './engine/engine.ts';
import { attempt } from './host/exec.ts';
import { loadImages } from './cluster/load-images.ts';
import { checkSubnet, startNetwork } from './network/network.ts';
import { ensureNodeImage } from './node-image/ensure-node-image.ts';
import { ensurePart } from './parts/ensure-part.ts';
import { kubeconfigFile, logDirectory, stateDirectory } from './paths.ts';
import { prepareStart } from './prepare.ts';
import { bringIn, makeProduct } from './product.ts';
import { type Progress, silent } from './progress/progress.ts';
import { click } from './sample/click.ts';
import { EDGE_PORT } from './sample/on-vms.ts';
import { step } from './progress/step.ts';
import { saveJournals } from './vm/journal.ts';

/** Written when a start has come to its end. */
export const readyFile = join(stateDirectory, 'ready');

/** Whether a start has come to its end and its cluster still answers. */
export async function labIsUp(): Promise<boolean> {
  if (!existsSync(readyFile)) return false;
  const args = [`--kubeconfig=${kubeconfigFile}`, 'get', '--raw', '/readyz', '--request-timeout=5s'];
  return (await attempt(await ensurePart('kubectl', silent), args)).code === 0;
}

/**
 * From nothing to a sample that answers. Throws with the first thing that does not work, and what to do about it.
 *
 *   engine -> network -> node image -> cluster ------------------------------+-> Landbridge -> sample -> click
 *                    \-> bundle, sample, VMs, images -> images into nodes ---/
 */
export async function start(progress: Progress): Promise<void> {
  await step(progress, 'clean up what an earlier lab left', cleanUp);
  claimLab();
  const published = await prepareStart(progress);
  await checkSubnet();
  const engine = await startEngine(progress);
  const network = await startNetwork(engine);
  // The work that the cluster does not wait for goes on beside it.
  const beside = settled(makeProduct(engine, network, published, progress));
  const nodeImage = published?.node ?? (await ensureNodeImage(engine, progress));
  const loaded = settled(beside().then(({ images }) => loadImages(engine, images, progress)));
  const cluster = await createCluster(engine, nodeImage, progress);
  const product = await beside();
  await loaded();
  try {
    await bringIn(engine, cluster, product, progress);
    await click({ host: network.vmAddress(1), port: EDGE_PORT }, (text) => progress.say(text));
  } catch (error) {
    const logs = join(logDirectory, 'vms');
    await saveJournals(product.vms, logs).catch(() => undefined);
    throw new Error(
      `${(error as Error).message}\nThe lab is left as it is, to look at: KUBECONFIG=${kubeconfigFile}, logs of the VMs in ${logs}`,
    );
  }
  mkdirSync(stateDirectory, { recursive: true });
  writeFileSync(readyFile, `${new Date().toISOString()}\n`);
}

/** Lets work run on its own; its failure is seen when the answer is asked for, not before. */
function settled<T>(work: Promise<T>): () => Promise<T> {
  work.catch(() => undefined);
  return () => work;
}
