import type { Cluster } from '../cluster/cluster.ts';
import { vmExec } from '../vm/exec.ts';
import type { Vm } from '../vm/vm.ts';
import { SAMPLE_NAMESPACE } from './in-cluster.ts';

const TARGET = '127.0.0.1:9191';

/** Pod -> echo on a VM, and VM -> echo in a pod; both at 127.0.0.1:9191 of the caller. Throws when one does not answer. */
export async function echo(cluster: Cluster, vm: Vm, say: (text: string) => void): Promise<void> {
  const client = (text: string): string[] => ['--connect', TARGET, '--text', text];
  const inPod = ['exec', '-n', SAMPLE_NAMESPACE, 'deployment/echo-client', '-c', 'echo-client', '--'];
  const fromPod = await cluster.kubectl([...inPod, '/app/service', ...client('from a pod')]);
  say(`pod echo-client -> 127.0.0.1:9191 -> echo-vm (VM): ${fromPod.trim()}`);
  const { stdout } = await vmExec(vm, ['/opt/sample/echo/echo', ...client('from a VM')], { timeoutMs: 20_000 });
  say(`VM ${vm.name} -> 127.0.0.1:9191 -> echo-pod (pod): ${stdout.trim()}`);
}
