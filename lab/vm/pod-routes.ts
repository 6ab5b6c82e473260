import { run } from '../host/exec.ts';
import { netnsName, type Vm } from './vm.ts';

/** A node of the cluster: the way to the pods that run on it. */
export interface PodRange {
  /** The node's address on the lab network. */
  address: string;
  /** The addresses of its pods, `10.244.1.0/24`. */
  podCidr: string;
}

/** Gives each VM a route to the pods of each node. Once more changes nothing. */
export async function setPodRoutes(vms: readonly Vm[], nodes: readonly PodRange[]): Promise<void> {
  const routes = nodes.map(({ podCidr, address }) => `route replace ${podCidr} via ${address}`).join('\n');
  await Promise.all(vms.map(({ name }) => run('ip', ['-n', netnsName(name), '-batch', '-'], { input: routes })));
}
