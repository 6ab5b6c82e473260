import { type DnsTarget, askDns, readAnswer } from '../../clients/dns/ask-dns.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { pods } from '../../clients/kube/resources.ts';
import { openTunnel } from '../../clients/kube/tunnel.ts';
import { type ClusterFlags, sourceOf } from '../cluster.ts';

/** The label of CoreDNS and of kube-dns alike, for a Deployment of any name. */
const RESOLVERS = 'k8s-app=kube-dns';
/** Consul's servers register themselves under this name, in every datacenter. */
export const A_NAME = 'consul.service.consul';
/** Our block of the Corefile answers it itself, without Consul. */
const OWN_NAME = 'landbridge.virtual.consul';
/** CoreDNS itself gives an upstream 5 s before it says SERVFAIL. */
const TIMEOUT_MS = 8000;

interface Pod extends KubeObject {
  status?: { phase?: string };
}

export interface ResolverAnswer {
  pod: string;
  /** undefined: it resolves. */
  problem?: string;
  /** With a problem: it runs without our block still, so Consul was not asked. */
  withoutBlock?: boolean;
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
        return { pod: name, ...(await answerAt({ host, port: Number(port) })) };
      } finally {
        tunnel.close();
      }
    }),
  );
}

/** The answer of one resolver for a name of Consul's. */
export async function answerAt(at: DnsTarget): Promise<Omit<ResolverAnswer, 'pod'>> {
  const first = await problemAt(at);
  if (first === undefined) return {};
  const own = await lookUp(at, OWN_NAME).catch(() => undefined);
  if (own?.addresses.length === 0) return { problem: first, withoutBlock: true };
  // It may have taken the block over between the two questions: without the block the first takes seconds where no way leads out.
  const problem = await problemAt(at);
  return problem === undefined ? {} : { problem, withoutBlock: false };
}

/** undefined when a name of Consul's is resolved there. */
async function problemAt(at: DnsTarget): Promise<string | undefined> {
  try {
    const { code, addresses } = await lookUp(at, A_NAME);
    return addresses.length > 0 ? undefined : `${A_NAME} gives ${code} and no address`;
  } catch (error) {
    return (error as Error).message;
  }
}

const lookUp = async (at: DnsTarget, name: string) => readAnswer(await askDns(at, { name, type: 'A' }, TIMEOUT_MS));
