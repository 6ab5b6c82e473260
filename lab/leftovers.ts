import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from './host/exec.ts';
import { clusterName } from './cluster/cluster.ts';
import { hostEngineAnswers } from './engine/engine.ts';
import { dockerNetwork } from './network/network.ts';
import { cacheDirectory, diskDirectory, kubeconfigFile, stateDirectory } from './paths.ts';
import { cgroup } from './engine/private-engine.ts';
import { markedProcesses, rememberedProcesses } from './host/state.ts';

/** Names of the lab's interfaces and network namespaces begin with this. */
const prefix = 'lb-';

/** A thing of the lab that is on the machine, in words that name it. */
export interface Leftover {
  kind: 'process' | 'namespace' | 'interface' | 'mount' | 'cgroup' | 'rule' | 'container' | 'file';
  name: string;
}

/** Looks for everything a lab makes outside the checkout and the cache. Changes nothing. */
export async function leftovers(): Promise<Leftover[]> {
  const named = (kind: Leftover['kind'], names: string[]): Leftover[] => names.map((name) => ({ kind, name }));
  const links = await attempt('ip', ['-json', 'link', 'show']);
  return [
    ...named(
      'process',
      rememberedProcesses().map(({ name, id }) => `${name} (${id.pid})`),
    ),
    ...named(
      'process',
      markedProcesses().map(({ id, command }) => `${command} (${id.pid})`),
    ),
    ...named('namespace', labNamespaces()),
    ...named('interface', labInterfaces(links.stdout)),
    ...named('mount', labMounts(readFileSync('/proc/self/mountinfo', 'utf8'), mountRoots())),
    ...named('cgroup', labCgroups()),
    ...named('rule', await labRules()),
    ...named('container', await labContainers()),
    ...named(
      'file',
      [stateDirectory, diskDirectory, kubeconfigFile].filter((path) => existsSync(path)),
    ),
  ];
}

/** Folders in which every mount is the lab's. */
export function mountRoots(): string[] {
  return [stateDirectory, diskDirectory, cacheDirectory(), `/run/netns/${prefix}`];
}

/** Mount points below the given folders, deepest first. `mountinfo` is the text of /proc/PID/mountinfo. */
export function labMounts(mountinfo: string, roots: readonly string[]): string[] {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((point) => point.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))))
    .filter((point) => roots.some((root) => (root.endsWith(prefix) ? point.startsWith(root) : isBelow(point, root))))
    .reverse();
}

/** From the JSON of `ip link`. A veth's name comes with its peer's nowhere here. */
export function labInterfaces(json: string): string[] {
  if (json.trim() === '') return [];
  return (JSON.parse(json) as { ifname: string }[])
    .map((link) => link.ifname)
    .filter((name) => name.startsWith(prefix));
}

export function labNamespaces(folder = '/run/netns'): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.startsWith(prefix));
}

/** One folder a hierarchy with cgroup v1, one with v2. */
export function labCgroups(root = '/sys/fs/cgroup'): string[] {
  if (!existsSync(root)) return [];
  return ['.', ...readdirSync(root)]
    .map((hierarchy) => join(root, hierarchy, cgroup))
    .filter((folder) => existsSync(folder));
}

/** Firewall rules of the host that speak of the lab's interfaces. */
async function labRules(): Promise<string[]> {
  const said = await Promise.all([attempt('iptables-save', []), attempt('nft', ['list', 'ruleset'])]);
  return said
    .flatMap(({ stdout }) => stdout.split('\n'))
    .map((line) => line.trim())
    .filter((line) => /\blb-[a-z0-9]+/.test(line));
}

async function labContainers(): Promise<string[]> {
  if (!(await hostEngineAnswers())) return [];
  const label = `label=io.x-k8s.kind.cluster=${clusterName}`;
  const [containers, networks] = await Promise.all([
    attempt('docker', ['ps', '--all', '--filter', label, '--format', '{{.Names}}']),
    attempt('docker', ['network', 'ls', '--filter', `name=^${dockerNetwork}$`, '--format', 'network {{.Name}}']),
  ]);
  return `${containers.stdout}\n${networks.stdout}`.split('\n').filter((line) => line !== '');
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
