import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { output, type RunOptions } from '../host/exec.ts';
import type { Engine } from '../engine/engine.ts';
import { dockerNetwork, routePods } from '../network/network.ts';
import { ensurePart } from '../parts/ensure-part.ts';
import { dotLab, kubeconfigFile, logDirectory, repositoryRoot, stateDirectory } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';

export interface Cluster {
  name: string;
  /** Works from the host. */
  kubeconfig: string;
  /** `kubectl ARGS`; gives standard output without white space at its ends. */
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  nodes(): Promise<ClusterNode[]>;
}

export interface ClusterNode {
  name: string;
  role: 'control-plane' | 'worker';
  address: string;
  podCidr: string;
}

export const kindConfig = join(repositoryRoot, 'kind-config.yaml');
/** As kind-config.yaml has it. */
export const clusterName = 'landbridge';
const readyMs = 120_000;

/** Makes the cluster and waits until every node is Ready. Fails with what kind said, and keeps the nodes' logs. */
export async function createCluster(engine: Engine, image: string, progress: Progress): Promise<Cluster> {
  const kind = await ensurePart('kind', progress);
  const kubectl = await ensurePart('kubectl', progress);
  const task = progress.begin(`kind cluster ${clusterName}`);
  const env = { KIND_EXPERIMENTAL_DOCKER_NETWORK: dockerNetwork };
  const unused = join(stateDirectory, 'kind-kubeconfig');
  const args = ['create', 'cluster', '--config', kindConfig];
  try {
    mkdirSync(stateDirectory, { recursive: true });
    await engine.run(kind, [...args, '--image', image, '--retain', '--kubeconfig', unused], {
      env,
      onStderrLine: (line) => task.at(line.replace(/^\W+/, '').trim()),
    });
    await writeKubeconfig(engine, kind);
    const cluster = describeCluster(kubectl);
    task.at('waiting for the nodes');
    const names = (await engine.run(kind, ['get', 'nodes', '--name', clusterName])).stdout.trim().split('\n');
    await waitForNodes(cluster, names);
    if (engine.kind === 'private') await routePods(await cluster.nodes());
    task.done(`${names.length} nodes Ready`);
    return cluster;
  } catch (error) {
    const logs = join(logDirectory, 'kind');
    await engine.run(kind, ['export', 'logs', logs, '--name', clusterName]).catch(() => undefined);
    task.failed(`see ${logs}`);
    throw error;
  }
}

/** Also for a cluster that is there already. */
export function describeCluster(kubectlPath: string): Cluster {
  const kubectl: Cluster['kubectl'] = (args, options) =>
    output(kubectlPath, [`--kubeconfig=${kubeconfigFile}`, ...args], options);
  const nodes = async (): Promise<ClusterNode[]> => readNodes(await kubectl(['get', 'nodes', '-o', 'json']));
  return {
    name: clusterName,
    kubeconfig: kubeconfigFile,
    kubectl,
    nodes,
  };
}

/** Waits until the cluster answers DNS questions. Throws with what stands in the way after two minutes. */
export async function waitForDns(cluster: Cluster): Promise<void> {
  const args = ['--namespace=kube-system', 'rollout', 'status', 'deployment/coredns'];
  await cluster.kubectl([...args, `--timeout=${readyMs}ms`]).catch(async (error: unknown) => {
    throw new Error(`CoreDNS is not available:\n${await whatIsWrong(cluster)}`, { cause: error });
  });
}

/**
 * Waits until NetworkPolicies are enforced on every node. kind's own node image has no engine beside its pod network:
 * there kindnet enforces them, without which no node is Ready.
 */
export async function waitForPolicyEngine(cluster: Cluster): Promise<void> {
  const daemon = ['--namespace=kube-system', 'get', 'daemonset', 'kube-router', '--ignore-not-found', '-o', 'name'];
  const name = await cluster.kubectl(daemon);
  if (name === '') return;
  const args = ['--namespace=kube-system', 'rollout', 'status', name, `--timeout=${readyMs}ms`];
  await cluster.kubectl(args).catch(async (error: unknown) => {
    throw new Error(`kube-router does not run on every node:\n${await whatIsWrong(cluster)}`, { cause: error });
  });
}

/** Removes the cluster's containers from the engine; fine without any. */
export async function deleteCluster(engine: Engine): Promise<void> {
  const label = `label=io.x-k8s.kind.cluster=${clusterName}`;
  const ids = await engine.docker(['ps', '--all', '--quiet', '--filter', label]);
  if (ids !== '') await engine.docker(['rm', '--force', '--volumes', ...ids.split('\n')]);
  rmSync(kubeconfigFile, { force: true });
}

async function waitForNodes(cluster: Cluster, names: readonly string[]): Promise<void> {
  const nodes = names.map((name) => `node/${name}`);
  const wait = (condition: string): Promise<string> =>
    cluster.kubectl(['wait', `--for=${condition}`, ...nodes, `--timeout=${readyMs}ms`]);
  // kind is done when a kubelet has its certificate, which is before it has made itself known as a node.
  await wait('create')
    .then(() => wait('condition=Ready'))
    .catch(async (error: unknown) => {
      throw new Error(`not every node is Ready:\n${await whatIsWrong(cluster)}`, { cause: error });
    });
}

async function whatIsWrong(cluster: Cluster): Promise<string> {
  const questions = [
    ['get', 'nodes', '-o', 'wide'],
    ['get', 'pods', '--all-namespaces', '-o', 'wide'],
    ['get', 'events', '--all-namespaces', '--field-selector=type!=Normal', '--sort-by=.lastTimestamp'],
  ];
  const answers = questions.map((args) => cluster.kubectl(args).catch((error: Error) => error.message));
  return (await Promise.all(answers)).join('\n\n');
}

/**
 * With a private engine kind's 127.0.0.1 is the engine's own, so the kubeconfig names the control plane's address,
 * which is in the API server's certificate too.
 */
async function writeKubeconfig(engine: Engine, kind: string): Promise<void> {
  const args = ['get', 'kubeconfig', '--name', clusterName];
  if (engine.kind === 'private') args.push('--internal');
  let { stdout } = await engine.run(kind, args);
  if (engine.kind === 'private') {
    const format = `{{(index .NetworkSettings.Networks "${dockerNetwork}").IPAddress}}`;
    const name = `${clusterName}-control-plane`;
    const address = await engine.docker(['inspect', '--format', format, name]);
    stdout = withServer(stdout, name, address);
  }
  mkdirSync(dotLab, { recursive: true });
  writeFileSync(kubeconfigFile, stdout, { mode: 0o600 });
}

/** A kubeconfig that names the API server's host by another name. Throws when it does not name it by the first. */
export function withServer(kubeconfig: string, host: string, instead: string): string {
  const changed = kubeconfig.replaceAll(`https://${host}:`, `https://${instead}:`);
  if (changed === kubeconfig) throw new Error(`kind's kubeconfig does not name ${host}`);
  return changed;
}

interface NodeList {
  items: {
    metadata: { name: string; labels: Record<string, string> };
    spec: { podCIDR?: string };
    status: { addresses?: { type: string; address: string }[] };
  }[];
}

/** From the JSON of `kubectl get nodes`. */
export function readNodes(json: string): ClusterNode[] {
  return (JSON.parse(json) as NodeList).items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    role: 'node-role.kubernetes.io/control-plane' in metadata.labels ? 'control-plane' : 'worker',
    address: status.addresses?.find((one) => one.type === 'InternalIP')?.address ?? '',
    podCidr: spec.podCIDR ?? '',
  }));
}
