import type { KubeClient } from '../../clients/kube/client.ts';
import { systemClock } from '../../base/clock.ts';
import { jobs } from '../../clients/kube/resources.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { type Job, asksExternalConsul } from './bootstrap-job.ts';
import { notReadyBecause } from './not-ready.ts';
import { podTrouble } from './pod-trouble.ts';

const NAME = 'landbridge-removal';

/**
 * Removes the data of the installation from servers that are not its own: entries, ACLs, keys. Only a pod reaches those servers for
 * sure, so the bootstrap job's own pod is run again, the other way round.
 */
export const removeFromConsul = { prepare, run };

/** The job to run, made of the bootstrap job before that is deleted; undefined with own servers, whose data just goes. */
async function prepare(kube: KubeClient): Promise<Job | undefined> {
  const { items } = await kube.list<Job>(jobs, {
    namespace: NAMESPACE,
    labelSelector: 'app.kubernetes.io/component=bootstrap',
  });
  const bootstrap = items.find((job) => asksExternalConsul({ ...job, kind: 'Job' }));
  if (bootstrap === undefined) return undefined;
  const { template } = bootstrap.spec;
  const [container, ...others] = template.spec.containers;
  const labels = { 'app.kubernetes.io/part-of': 'landbridge', 'app.kubernetes.io/component': 'bootstrap' };
  const spec = { ...template.spec, containers: [{ ...container!, args: ['bootstrap', '--remove'] }, ...others] };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: NAME, namespace: NAMESPACE, labels },
    spec: { backoffLimit: 3, template: { metadata: { labels }, spec } },
  } as unknown as Job;
}

/** Throws what stands in the way: then everything that is needed to try again is still there. */
async function run(kube: KubeClient, job: Job, timeoutMs: number, say: (line: string) => void): Promise<void> {
  await kube.delete(jobs, NAME, NAMESPACE, { propagationPolicy: 'Foreground' });
  const start = systemClock.steady();
  for (;;) {
    const held = await kube.get<Job>(jobs, NAME, NAMESPACE);
    if (held === undefined) await kube.create(jobs, job);
    else if (held.metadata.deletionTimestamp === undefined) {
      if (notReadyBecause({ ...held, kind: 'Job' }) === undefined) break;
    }
    if (systemClock.steady() - start >= timeoutMs) {
      const trouble = await podTrouble(kube, NAMESPACE);
      throw new Error(`Consul still holds what the installation wrote: ${trouble.join('; ') || 'no pod could look'}`);
    }
    await systemClock.wait(500, new AbortController().signal);
  }
  say('Consul holds nothing of the installation any more');
}
