import type { KubeClient } from '../../../clients/kube/client.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { jobs, objectPath, pods } from '../../../clients/kube/resources.ts';
import { NAMESPACE } from '../../../mesh/installation/installation.ts';

/** The end of the bootstrap job: it completes, or its container ends with these lines. */
export type JobEnd = 'completes' | { says: string };

/**
 * Stands for the controllers and the kubelet of one bootstrap job: as soon as there is one that has not been played yet,
 * its pod is there and ends. Gives the uid of the job. Throws after `timeoutMs`.
 */
export async function playBootstrapJob(kube: KubeClient, end: JobEnd, timeoutMs: number): Promise<string> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const { items } = await kube.list<KubeObject & { status?: { conditions?: object[] } }>(jobs, {
      namespace: NAMESPACE,
      labelSelector: 'app.kubernetes.io/component=bootstrap',
    });
    const podNames = (await kube.list<KubeObject>(pods, { namespace: NAMESPACE })).items.map(
      ({ metadata }) => metadata.name,
    );
    const job = items.find(({ metadata, status }) => !status?.conditions && !podNames.includes(`pod-${metadata.uid}`));
    if (job !== undefined) {
      await (end === 'completes' ? complete(kube, job) : refuse(kube, job, end.says));
      return job.metadata.uid!;
    }
    if (Date.now() > deadline) throw new Error('the bootstrap job does not exist');
    await new Promise((next) => setTimeout(next, 50));
  }
}

function complete(kube: KubeClient, { metadata }: KubeObject): Promise<unknown> {
  const now = new Date().toISOString();
  const met = { status: 'True', lastTransitionTime: now };
  const conditions = [
    { type: 'SuccessCriteriaMet', ...met },
    { type: 'Complete', ...met },
  ];
  return kube.request('PATCH', objectPath(jobs, metadata.name, NAMESPACE, 'status'), {
    body: { status: { succeeded: 1, startTime: now, completionTime: now, conditions, uncountedTerminatedPods: {} } },
    contentType: 'application/merge-patch+json',
  });
}

async function refuse(kube: KubeClient, job: KubeObject, message: string): Promise<void> {
  const { name: jobName, uid = '' } = job.metadata;
  const { template } = job['spec'] as { template: { metadata: { labels: object }; spec: object } };
  const name = `pod-${uid}`;
  const labels = { ...template.metadata.labels, 'batch.kubernetes.io/job-name': jobName };
  const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name: jobName, uid, controller: true }];
  await kube.create(pods, {
    metadata: { name, namespace: NAMESPACE, labels, ownerReferences },
    spec: template.spec,
  } as unknown as KubeObject);
  const terminated = { exitCode: 1, reason: 'Error', message };
  const status = { name: 'bootstrap', image: 'any', imageID: '', ready: false, restartCount: 0, state: { terminated } };
  await kube.request('PATCH', objectPath(pods, name, NAMESPACE, 'status'), {
    body: { status: { containerStatuses: [status] } },
    contentType: 'application/merge-patch+json',
  });
}
