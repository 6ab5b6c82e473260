import { attempt, run } from '../host/exec.ts';
import { netnsName, type VmNetwork } from './vm.ts';

/** The end of a VM's link that stands at the bridge. */
function bridgeEnd(name: string): string {
  return `${netnsName(name)}-br`;
}

/** Makes the VM's network namespace, with `eth0` on the lab's bridge, its address and its default route. */
export async function connect(name: string, address: string, network: VmNetwork): Promise<void> {
  const ns = netnsName(name);
  const end = bridgeEnd(name);
  await run('ip', ['netns', 'add', ns]);
  await run('ip', ['-batch', '-'], {
    netns: network.netns,
    input: [
      `link add ${end} type veth peer name eth0 netns ${ns}`,
      `link set ${end} master ${network.bridge}`,
      `link set ${end} up`,
    ].join('\n'),
  });
  await run('ip', ['-n', ns, '-batch', '-'], {
    input: [
      'link set lo up',
      `address add ${address}/${network.prefixLength} dev eth0`,
      'link set eth0 up',
      `route add default via ${network.gateway}`,
    ].join('\n'),
  });
}

/**
 * Pulls the cable or plugs it in. It is the bridge's end that goes down: the VM sees its carrier go, and keeps its
 * address and its routes, as a machine does.
 */
export async function setLink(name: string, network: VmNetwork, state: 'up' | 'down'): Promise<void> {
  await run('ip', ['link', 'set', bridgeEnd(name), state], { netns: network.netns });
}

/** Removes namespace and link; nothing there is fine. The link goes first: a namespace goes some time after its name. */
export async function disconnect(name: string, network: VmNetwork | undefined): Promise<void> {
  const ns = netnsName(name);
  if (network !== undefined) await attempt('ip', ['link', 'delete', bridgeEnd(name)], { netns: network.netns });
  await attempt('ip', ['-n', ns, 'link', 'delete', 'eth0']);
  await attempt('ip', ['netns', 'delete', ns]);
}

/** The VMs that have a network namespace. */
export async function namesInNetns(): Promise<string[]> {
  const { stdout } = await run('ip', ['netns', 'list']);
  return [...stdout.matchAll(/^lb-(vm\d+)\b/gm)].map((match) => match[1] ?? '');
}
