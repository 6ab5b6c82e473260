import { type DnsTarget, askDns, readAnswer } from '../../clients/dns/ask-dns.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { pods } from '../../clients/kube/resources.ts';
import { openTunnel } from '../../clients/kube/tunnel.ts';
import { type ClusterFlags, sourceOf } from '../cluster.ts';

/** Of CoreDNS and of kube-dns alike, whatever the Deployment is called. */
const RESOLVERS = 'k8s-app=kube-dns';
/** Consul's servers register themselves under this name, in every datacenter. */
export const A_NAME = 'consul.service.consul';
const TIMEOUT_MS = 5000;

interface Pod extends KubeObject {
  status?: { phase?: string };
}

export interface ResolverAnswer {
  pod: string;
  /** undefined: it resolves. */
  problem?: string;
}

/** Asks every resolver pod of the cluster for a name of Consul's, through the API server, as a pod would ask it. */
export async function askResolvers(
  kube: KubeClient,
  flags: ClusterFlags,
  at: { namespace: string; port: number },
): Promise<ResolverAnswer[]> {
  const { items } = await kube.list<Pod>(pods, { namespace: at.namespace, labelSelector: RESOLVERS });
  const running = items.filter(({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp);
  return Promise.all(
    running.map(async ({ metadata: { name } }) => {
      const tunnel = await openTunnel(sourceOf(flags), at.namespace, name, at.port);
      const [host = '', port] = tunnel.address.split(':');
      try {
        const problem = await problemAt({ host, port: Number(port) });
        return { pod: name, ...(problem === undefined ? {} : { problem }) };
      } finally {
        tunnel.close();
      }
    }),
  );
}

/** undefined when the name is resolved there. */
export async function problemAt(at: DnsTarget): Promise<string | undefined> {
  try {
    const { code, addresses } = readAnswer(await askDns(at, { name: A_NAME, type: 'A' }, TIMEOUT_MS));
    return code === 'NOERROR' && addresses.length > 0 ? undefined : `${A_NAME} gives ${code} and no address`;
  } catch (error) {
    return (error as Error).message;
  }
}
