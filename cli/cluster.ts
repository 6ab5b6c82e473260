import type { Command } from 'commander';
import { type KubeClient, connectKube } from '../clients/kube/client.ts';
import type { KubeConfigSource } from '../clients/kube/config.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import { deployments, pods, secrets } from '../clients/kube/resources.ts';
import { openTunnel } from '../clients/kube/tunnel.ts';
import { secretText } from '../clients/kube/secret.ts';
import { connectConsul } from '../clients/consul/connect.ts';
import { type ConsulRaft, connectRaft } from '../clients/consul/raft.ts';
import type { Consul } from '../clients/consul/consul.ts';
import {
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_NAME,
  CONSUL_SERVICE,
  NAMESPACE,
  SECRETS,
} from '../mesh/installation/installation.ts';
import { consulServer } from '../mesh/installation/reshape.ts';

export interface ClusterFlags {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

/** The flags of every command that talks to a cluster, as kubectl spells them. */
export const withClusterFlags = (command: Command): Command =>
  command
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, else ~/.kube/config')
    .option('--context <name>', "default: the kubeconfig's current one")
    .option('-n, --namespace <name>', "default: the context's namespace");

export const kubeOf = (flags: ClusterFlags): KubeClient => connectKube(sourceOf(flags));

export const sourceOf = ({ kubeconfig, context, namespace }: ClusterFlags): KubeConfigSource => ({
  ...(kubeconfig === undefined ? {} : { kubeconfig }),
  ...(context === undefined ? {} : { context }),
  ...(namespace === undefined ? {} : { namespace }),
});

/**
 * The installation's Consul, through the API server, with the token of that Secret. A reader of the operator's Secret, or of the bridge's, may look. Throws a sentence that names what is missing.
 */
export async function consulOf(
  flags: ClusterFlags,
  tokenOf: typeof SECRETS.operator | typeof SECRETS.bridge = SECRETS.operator,
): Promise<{ consul: Consul; close(): void }> {
  const kube = kubeOf(flags);
  const text = await secretOf(kube, tokenOf);
  const { items } = await kube.list<RunningPod>(pods, {
    namespace: NAMESPACE,
    labelSelector: 'app.kubernetes.io/component=consul',
  });
  const running = items.find((pod) => pod.status?.phase === 'Running');
  if (running === undefined) return directly(kube, text('consul-ca.crt'), text('consul-token'));
  const tunnel = await openTunnel(sourceOf(flags), NAMESPACE, running.metadata.name, CONSUL_HTTPS_PORT);
  const consul = connectConsul({
    addresses: [tunnel.address],
    caPem: text('consul-ca.crt'),
    serverName: CONSUL_SERVER_NAME,
    token: () => text('consul-token'),
  });
  return {
    consul,
    close: () => {
      consul.close();
      tunnel.close();
    },
  };
}

/** The first of the installation's own Consul servers, through the API server, with the token that may do everything. */
export async function firstServerOf(flags: ClusterFlags): Promise<ConsulRaft> {
  const kube = kubeOf(flags);
  const [management, server] = [
    await secretOf(kube, SECRETS.consulManagement),
    await secretOf(kube, SECRETS.consulServer),
  ];
  const tunnel = await openTunnel(sourceOf(flags), NAMESPACE, consulServer(0), CONSUL_HTTPS_PORT);
  const raft = connectRaft({
    addresses: [tunnel.address],
    caPem: server('ca.crt'),
    serverName: CONSUL_SERVER_NAME,
    token: () => management('token'),
  });
  return {
    ...raft,
    close: () => {
      raft.close();
      tunnel.close();
    },
  };
}

/** Gives the values of its keys, less space around them. Throws what to do when it is not there. */
async function secretOf(kube: KubeClient, name: string): Promise<(key: string) => string> {
  const secret = await kube.get<KubeObject & { data: Record<string, string> }>(secrets, name, NAMESPACE);
  if (secret === undefined)
    throw new Error(
      `the Secret ${NAMESPACE}/${name} does not exist: install Landbridge first, or wait for its bootstrap job`,
    );
  return (key) => secretText(secret, key).trim();
}

/** Servers that are not ours are asked from here; whether they answer depends on what lies between. */
async function directly(kube: KubeClient, caPem: string, token: string): Promise<{ consul: Consul; close(): void }> {
  const operator = await kube.get<OperatorDeployment>(deployments, 'landbridge-operator', NAMESPACE);
  const env = operator?.spec.template.spec.containers[0]?.env ?? [];
  const valueOf = (name: string): string => env.find((one) => one.name === name)?.value ?? '';
  const addresses = valueOf('LANDBRIDGE_CONSUL_HTTP').split(',');
  if (addresses.every((address) => address === '' || address.startsWith(CONSUL_SERVICE)))
    throw new Error(`no Consul pod runs in namespace ${NAMESPACE}: kubectl -n ${NAMESPACE} get pods`);
  const serverName = valueOf('LANDBRIDGE_CONSUL_SERVER_NAME');
  const consul = connectConsul({ addresses, caPem, serverName, token: () => token });
  return { consul, close: () => consul.close() };
}

interface OperatorDeployment {
  spec: { template: { spec: { containers: { env?: { name: string; value?: string }[] }[] } } };
}

interface RunningPod {
  metadata: { name: string };
  status?: { phase?: string };
}
