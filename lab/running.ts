import { existsSync } from 'node:fs';
import { labCheckout } from './checkout.ts';
import { describeCluster, type Cluster } from './cluster/cluster.ts';
import { type Engine, currentEngine } from './engine/engine.ts';
import type { RunOptions } from './host/exec.ts';
import { type LabNetwork, describeNetwork } from './network/network.ts';
import { ensurePart } from './parts/ensure-part.ts';
import { kubeconfigFile, repositoryRoot } from './paths.ts';
import { silent } from './progress/progress.ts';
import { readyFile } from './start.ts';
import type { Edge } from './sample/chain.ts';
import { landbridge } from './sample/landbridge.ts';
import { EDGE_PORT } from './sample/on-vms.ts';
import { findVms } from './vm/start.ts';
import type { Vm } from './vm/vm.ts';

/** The lab that is up, for the commands that use it. */
export interface RunningLab {
  engine: Engine;
  network: LabNetwork;
  cluster: Cluster;
  vms: Vm[];
  /** Throws when the VM is powered off. */
  vm(name: string): Vm;
  edge: Edge;
  /** Runs the `landbridge` program on the host against this cluster. */
  landbridge(args: readonly string[], options?: RunOptions): Promise<string>;
}

/** Throws with what to do when no lab is up. */
export async function runningLab(): Promise<RunningLab> {
  if (!existsSync(readyFile)) throw new Error('no lab is up here: npm start');
  const of = labCheckout();
  if (of !== undefined && of !== repositoryRoot && !existsSync(kubeconfigFile))
    throw new Error(`the lab that is up is of ${of}: run this there`);
  const engine = await currentEngine();
  const network = describeNetwork(engine);
  const vms = await findVms();
  return {
    engine,
    network,
    cluster: describeCluster(await ensurePart('kubectl', silent)),
    vms,
    vm(name) {
      const found = vms.find((vm) => vm.name === name);
      if (found === undefined) throw new Error(`${name} is not powered on`);
      return found;
    },
    edge: { host: network.vmAddress(1), port: EDGE_PORT },
    landbridge,
  };
}
