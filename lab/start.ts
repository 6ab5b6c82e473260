import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp } from './clean-up.ts';
import { createCluster, waitForDns, type Cluster } from './cluster.ts';
import { engineTools, installTools, labTools } from './debian-packages.ts';
import { hostEngineAnswers, startEngine, type Engine } from './engine.ts';
import { checkSubnet, startNetwork, type LabNetwork } from './network.ts';
import { ensureNodeImage } from './node-image/ensure-node-image.ts';
import { ensurePart, partIsCached } from './parts/ensure-part.ts';
import { parts } from './parts/table.ts';
import { stateDirectory } from './paths.ts';
import type { Progress } from './progress.ts';
import { missing, thisMachine } from './requirements.ts';
import { step } from './step.ts';

/** A lab that is up. */
export interface Lab {
  engine: Engine;
  network: LabNetwork;
  cluster: Cluster;
}

/** Written when a start has come to its end. */
export const readyFile = join(stateDirectory, 'ready');

/** From nothing to a lab that is up. Throws with the first thing that does not work, and what to do about it. */
export async function start(progress: Progress): Promise<Lab> {
  const docker = await hostEngineAnswers();
  await checkRequirements(docker);
  await step(progress, 'clean up what an earlier lab left', cleanUp);
  await installTools(docker ? labTools : [...engineTools, ...labTools], progress);
  await checkSubnet();
  announce(progress);
  // What the cluster does not wait for goes on beside it.
  const rest = settled(Promise.all(productParts.map((part) => ensurePart(part, progress))));
  const engine = await startEngine(progress);
  const [network, image] = await Promise.all([startNetwork(engine), ensureNodeImage(engine, progress)]);
  const cluster = await createCluster(engine, image, progress);
  await rest();
  await step(progress, 'CoreDNS', () => waitForDns(cluster));
  mkdirSync(stateDirectory, { recursive: true });
  writeFileSync(readyFile, `${new Date().toISOString()}\n`);
  return { engine, network, cluster };
}

/** What runs in pods and VMs. */
const productParts = ['envoy', 'consul', 'node'];

async function checkRequirements(docker: boolean): Promise<void> {
  const lines = missing(await thisMachine(docker));
  if (lines.length > 0)
    throw new Error(`the lab cannot start here. Missing:\n${lines.map((line) => `  - ${line}`).join('\n')}`);
}

function announce(progress: Progress): void {
  const made = parts.filter((part) => !partIsCached(part));
  if (made.length === 0) return;
  progress.say(
    `First start: ${made.length} of ${parts.length} parts are not in the cache yet (${made.map((part) => part.name).join(', ')}).\n` +
      'Building them takes about 15 minutes on two cores; it goes on where it was when interrupted. Later starts take a minute or two.',
  );
}

/** Lets work run on its own; its failure is seen when the answer is asked for, not before. */
function settled<T>(work: Promise<T>): () => Promise<T> {
  work.catch(() => undefined);
  return () => work;
}
