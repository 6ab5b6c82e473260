import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { jobs, pods, secrets } from '../../clients/kube/resources.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { nameOf } from './step.ts';

/** The bootstrap job gave up, and says why in its own words, so waiting longer cannot help. */
export class BootstrapRefused extends Error {
  override readonly name = 'BootstrapRefused';
}

interface SecretProjection {
  name: string;
  items: { key: string }[];
}

export interface Job extends KubeObject {
  spec: {
    template: {
      metadata: object;
      spec: {
        containers: { args: string[] }[];
        volumes?: { name: string; projected?: { sources: { secret?: SecretProjection }[] } }[];
      };
    };
  };
}

interface Terminated {
  exitCode: number;
  message?: string;
}

interface JobPod extends KubeObject {
  metadata: KubeObject['metadata'] & { ownerReferences?: { uid?: string }[] };
  status?: { containerStatuses?: { state?: { terminated?: Terminated }; lastState?: { terminated?: Terminated } }[] };
}

/** Its volume with the CA and the token of servers that were there before; undefined with own ones. */
const externalVolume = (job: Job) => job.spec.template.spec.volumes?.find(({ name }) => name === 'external-consul');

/** Whether the job asks Consul servers that were there before. */
export const asksExternalConsul = ({ kind, spec }: KubeObject & Partial<Pick<Job, 'spec'>>): boolean =>
  kind === 'Job' && spec !== undefined && externalVolume({ spec } as Job) !== undefined;

/** The line by which our processes say why they end, with the lines after it. */
const LAST_WORDS = /^error: [^]*$/m;

/** Why the job, as the API server holds it, has given up at least once; undefined while it has not. */
export async function refusalOfJob(kube: KubeClient, job: KubeObject): Promise<string | undefined> {
  const { name, uid } = job.metadata;
  const labelSelector = `batch.kubernetes.io/job-name=${name}`;
  const { items } = await kube.list<JobPod>(pods, { namespace: NAMESPACE, labelSelector });
  const own = items.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid));
  for (const { state, lastState } of own.flatMap(({ status }) => status?.containerStatuses ?? [])) {
    const { exitCode = 0, message = '' } = state?.terminated ?? lastState?.terminated ?? {};
    const words = LAST_WORDS.exec(message)?.[0];
    if (exitCode !== 0 && words !== undefined) return words.replace(/^error: /, '').trim();
  }
  return undefined;
}

/**
 * The cause of its failure may have been mended since, and nobody knows when the kubelet tries again. So this deletes the job, which begins again when it is applied.
 */
export async function forgetRefusal(kube: KubeClient, job: KubeObject): Promise<void> {
  const held = await kube.get<KubeObject>(jobs, job.metadata.name, NAMESPACE);
  if (held === undefined || (await refusalOfJob(kube, held)) === undefined) return;
  await kube.delete(jobs, job.metadata.name, NAMESPACE, { propagationPolicy: 'Background' });
}

/** Throws what the user has to make first: a pod whose Secret is not there waits for it and says nothing. */
export async function requireExternalSecrets(kube: KubeClient, job: KubeObject): Promise<void> {
  const sources = externalVolume(job as Job)?.projected?.sources ?? [];
  for (const { secret } of sources) {
    if (secret === undefined) continue;
    const held = await kube.get<KubeObject & { data?: Record<string, string> }>(secrets, secret.name, NAMESPACE);
    const missing = secret.items.map(({ key }) => key).filter((key) => !held?.data?.[key]);
    if (missing.length === 0) continue;
    const make = `kubectl -n ${NAMESPACE} create secret generic ${secret.name} --from-file=${missing.join(' --from-file=')}`;
    throw new Error(
      `${nameOf({ kind: 'Secret', metadata: { name: secret.name, namespace: NAMESPACE } })} ${held === undefined ? 'is not there' : `has no ${missing.join(' and no ')}`}: ${make}. Nothing was changed`,
    );
  }
}
