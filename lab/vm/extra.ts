import { run } from '../host/exec.ts';
import { podRange } from '../network/network.ts';
import { type PodRange, setPodRoutes } from './pod-routes.ts';
import { readRecord } from './record.ts';
import { startVm } from './start.ts';
import { type Vm, netnsName } from './vm.ts';

/**
 * One more VM on the lab's network, `vm4` or later, made as the lab's own are: nothing runs on it yet. `nodes` gives it a
 * way to their pods; without, there is none, as at a site that knows the nodes only. `npm stop` takes it away with the rest.
 */
export async function startExtraVm(name: string, nodes: readonly PodRange[] = []): Promise<Vm> {
  const { address, network, parts } = await readRecord('vm1');
  const own = address.replace(/\d+$/, `${100 + Number(name.replace('vm', ''))}`);
  const vm = await startVm({ name, address: own, network, parts });
  if (nodes.length > 0) await setPodRoutes([vm], nodes);
  else await run('ip', ['-n', netnsName(name), 'route', 'replace', 'unreachable', podRange]);
  return vm;
}
