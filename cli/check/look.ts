import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { deployments } from '../../clients/kube/resources.ts';
import type { InstancesAnswer, NamesAnswer, NamesRequest } from '../../mesh/outside/bridge-api.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { DEFAULT_LEASE_MS } from '../../mesh/outside/lease.ts';
import { askBridge, bridgeAccess } from '../bridge-admin.ts';
import { type ClusterFlags, consulOf, kubeOf } from '../cluster.ts';
import { type ResolverAnswer, askResolvers } from '../dns/resolvers.ts';

/** An external Consul that is to be used. */
export interface ConsulTarget {
  /** `host:port` of its HTTPS API. */
  address: string;
  /** PEM. Default: the roots of this machine. */
  caPem?: string;
  /** The name to expect in its certificate. Default: the host of the address. */
  serverName?: string;
}

/** The things that the checks look at. Everything is opened at the first use and once. */
export interface Look {
  kube: KubeClient;
  nowMs(): number;
  /** The installation's Consul, with the operator's token. Throws a sentence that names what is missing. */
  consul(): Promise<Consul>;
  /** The machines as the bridge knows them; undefined when the installation has no bridge. */
  instances(): Promise<InstancesAnswer | undefined>;
  /** Asks each pod of the cluster's DNS for a name of Consul's. */
  resolvers(at: { namespace: string; port: number }): Promise<ResolverAnswer[]>;
  /** The DNS message that the bridge gives a machine; undefined when the installation has no bridge. */
  askName(question: NamesRequest): Promise<Buffer | undefined>;
  /** The installation's Deployment of this name. */
  deployment(name: string): Promise<Deployment | undefined>;
  /** The objects that an installation would apply, in order. Only looked at before there is one. */
  manifest(): Promise<KubeObject[]>;
  /** External Consul servers that the installation is to use. */
  consulTargets: ConsulTarget[];
}

export interface Deployment {
  spec: { replicas: number; template: { spec: { containers: { env?: { name: string; value?: string }[] }[] } } };
  status?: { readyReplicas?: number };
}

/** Throws a sentence without a usable kubeconfig; everything else is asked later. */
export function openLook(
  flags: ClusterFlags,
  plan: { manifest: () => Promise<object[]>; consulTargets: ConsulTarget[] },
): Look & { close(): void } {
  const kube = kubeOf(flags);
  let opened: ReturnType<typeof consulOf> | undefined;
  const ask = async <T>(method: string, path: string, body?: object): Promise<T | undefined> => {
    if ((await look.deployment('landbridge-bridge')) === undefined) return undefined;
    const access = await bridgeAccess({ ...flags, namespace: NAMESPACE });
    return askBridge<T>(access, method, path, body);
  };
  const look = {
    kube,
    nowMs: () => Date.now(),
    consul: async () => (await (opened ??= consulOf(flags))).consul,
    instances: once(() => ask<InstancesAnswer>('GET', '/v1/instances')),
    resolvers: (at: { namespace: string; port: number }) => askResolvers(kube, flags, at),
    async askName(question: NamesRequest) {
      const answer = await ask<NamesAnswer>('POST', '/v1/names', question);
      return answer && Buffer.from(answer.message, 'base64');
    },
    deployment: (name: string) => kube.get<Deployment>(deployments, name, NAMESPACE),
    manifest: once(async () => (await plan.manifest()) as KubeObject[]),
    consulTargets: plan.consulTargets,
    close: () => void opened?.then(({ close }) => close()).catch(() => undefined),
  };
  return look;
}

/** The installation's name of this cluster in Consul, from the settings of the operator; undefined without an operator. */
export const clusterNameOf = async (look: Look): Promise<string | undefined> =>
  envOf(await look.deployment('landbridge-operator'), 'LANDBRIDGE_CLUSTER');

/** The bridge's lease, ms. */
export const leaseMsOf = async (look: Look): Promise<number> =>
  Number(envOf(await look.deployment('landbridge-bridge'), 'LANDBRIDGE_LEASE_MS') ?? DEFAULT_LEASE_MS);

export const envOf = (deployment: Deployment | undefined, name: string): string | undefined =>
  deployment?.spec.template.spec.containers[0]?.env?.find((variable) => variable.name === name)?.value;

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => (started ??= work());
}
