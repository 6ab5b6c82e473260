import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { cronJobs, daemonSets, deployments, jobs, statefulSets } from '../../clients/kube/resources.ts';
import type { LabelSelector } from '../../crds/kubernetes.ts';
import { selects } from '../../mesh/service/selector.ts';

interface Template {
  metadata?: { labels?: Record<string, string> };
}

type Maker = KubeObject & {
  spec?: { template?: Template; jobTemplate?: { spec?: { template?: Template } } };
  status?: { conditions?: { type: string; status: string }[] };
};

const KINDS = [deployments, statefulSets, daemonSets, jobs, cronJobs];

/** Whether no workload of the namespace will make a pod that the selector matches. Workloads of other kinds are not known. Throws when it cannot be looked up. */
export async function isMadeByNobody(
  kube: Pick<KubeClient, 'list'>,
  namespace: string,
  selector: LabelSelector,
): Promise<boolean> {
  for (const kind of KINDS) {
    const { items } = await kube.list<Maker>(kind, { namespace });
    if (items.some((maker) => !hasEnded(maker) && selects(selector, labelsOf(maker)))) return false;
  }
  return true;
}

const labelsOf = ({ spec }: Maker): Record<string, string> =>
  (spec?.jobTemplate?.spec?.template ?? spec?.template)?.metadata?.labels ?? {};

/** A Job makes no pod after one of these. A Deployment has neither. */
const hasEnded = ({ status }: Maker): boolean =>
  (status?.conditions ?? []).some(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
