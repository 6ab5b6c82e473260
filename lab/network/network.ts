import type { Engine } from '../engine/engine.ts';
import { output, run } from '../host/exec.ts';
import { collisions, defaultSubnet, parseSubnet, subnetVariable, type HostRoute } from './subnet.ts';

/** The one network on which the cluster's nodes, the VMs and (with a private engine) the host stand. */
export interface LabNetwork {
  /** Name of the bridge, `lb-br0`. VM veths are enslaved to it. */
  bridge: string;
  /** Path of the network namespace the bridge is in; undefined = the host's. */
  netns: string | undefined;
  /** Where nodes and VMs send what is not on the subnet, 10.89.0.1. */
  gateway: string;
  /** 10.89.0.0/24 unless LANDBRIDGE_LAB_SUBNET says otherwise. */
  subnet: string;
  prefixLength: number;
  /** The address by which nodes and VMs reach the host. */
  hostAddress: string;
  vmAddress(n: 1 | 2 | 3): string;
}

/** Name of the Docker network of kind. */
export const dockerNetwork = 'landbridge';
const bridge = 'lb-br0';
/** The host's end of its cable to a private engine. */
const hostLink = 'lb-host';
const engineLink = 'lb-uplink';
/** kind's default; the host gets routes to it with a private engine. */
export const podRange = '10.244.0.0/16';

/** Throws when the host already has a way to addresses the lab would take. */
export async function checkSubnet(env = process.env): Promise<void> {
  const subnet = env[subnetVariable] ?? defaultSubnet;
  parseSubnet(subnet);
  const routes = JSON.parse(await output('ip', ['-json', '-4', 'route', 'show'])) as HostRoute[];
  for (const range of [subnet, podRange]) {
    const [taken] = collisions(range, routes);
    if (taken === undefined) continue;
    const advice = range === subnet ? `set ${subnetVariable} to a free /24` : 'take that route away while the lab runs';
    throw new Error(
      `the lab needs ${range}, but this host routes ${taken.dst} to ${taken.dev ?? 'elsewhere'}: ${advice}`,
    );
  }
}

/** Makes the network; with a private engine also the cable between it and the host. */
export async function startNetwork(engine: Engine, env = process.env): Promise<LabNetwork> {
  const network = describeNetwork(engine, env);
  const { prefix } = parseSubnet(network.subnet);
  await engine.docker([
    ...['network', 'create', '--driver', 'bridge', '--opt', `com.docker.network.bridge.name=${bridge}`],
    // Nodes get low addresses, so that the VMs' and the host's are free.
    ...['--subnet', network.subnet, '--ip-range', `${prefix}.0/26`, '--gateway', network.gateway],
    dockerNetwork,
  ]);
  if (engine.kind === 'private') await connectHost(engine, network);
  return network;
}

export function describeNetwork(engine: Engine, env = process.env): LabNetwork {
  const subnet = env[subnetVariable] ?? defaultSubnet;
  const { prefix } = parseSubnet(subnet);
  const gateway = `${prefix}.1`;
  return {
    bridge,
    netns: engine.netns,
    gateway,
    subnet,
    prefixLength: 24,
    hostAddress: engine.kind === 'private' ? `${prefix}.254` : gateway,
    vmAddress: (n) => `${prefix}.${100 + n}`,
  };
}

/**
 * Of the engine's namespace. Frames between nodes and VMs pass the bridge as on any switch, whatever rules Docker makes
 * for its networks. And there is no way out: who tries is told so each time and at once. With the kernel's limit of one
 * answer a second, what starts before kube-proxy has its rules waits for half a minute.
 */
const settings = `
cd /proc/sys/net
if [ -e bridge ]; then echo 0 >bridge/bridge-nf-call-iptables; fi
echo 0 >ipv4/icmp_ratelimit
`;

async function connectHost(engine: Engine, network: LabNetwork): Promise<void> {
  const namespace = engine.netns?.split('/').pop() ?? '';
  await engine.run('sh', ['-c', settings]);
  await run('ip', [...['link', 'add', hostLink, 'type', 'veth', 'peer', 'name', engineLink, 'netns', namespace]]);
  await run('ip', ['-n', namespace, 'link', 'set', engineLink, 'master', bridge, 'up']);
  await run('ip', [...['address', 'add', `${network.hostAddress}/${network.prefixLength}`, 'dev', hostLink]]);
  await run('ip', ['link', 'set', hostLink, 'up']);
}

/** Lets the host reach pods through their nodes. The routes go with the cable. */
export async function routePods(nodes: readonly { address: string; podCidr: string }[]): Promise<void> {
  for (const node of nodes) await run('ip', ['route', 'replace', node.podCidr, 'via', node.address, 'dev', hostLink]);
}
