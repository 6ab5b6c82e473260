import type { KubeClient } from '../../clients/kube/client.ts';
import type { ConsulRaft } from '../../clients/consul/raft.ts';
import { systemClock } from '../../base/clock.ts';
import { discoverer } from '../../clients/kube/discover.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { deployments } from '../../clients/kube/resources.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { judgeReshape } from '../../mesh/installation/reshape.ts';
import { asksExternalConsul, requireExternalSecrets } from './bootstrap-job.ts';
import { heldShape } from './shape/held-shape.ts';
import { planInstall } from './plan-install.ts';
import { describeReshaping, reshape } from './shape/reshape.ts';
import { rollOut } from './roll-out.ts';
import { sameImages } from './shape/same-images.ts';
import { describeStep, nameOf, summary } from './step.ts';
import { shapeOf } from './shape/wanted-shape.ts';

export interface InstallOptions {
  kube: KubeClient;
  objects: KubeObject[];
  /** Say what would be done, and do nothing. */
  planOnly: boolean;
  /** For everything to become usable, ms. 0 waits for nothing. */
  timeoutMs: number;
  /** The installation's first Consul server. Asked for only where servers are to go. */
  openServers(): Promise<ConsulRaft>;
  say(line: string): void;
}

/**
 * Plan, apply, take away what is no longer wanted, wait. Running it again with the same values changes nothing. Gives
 * the number of changes there were, or would be.
 */
export async function install(options: InstallOptions): Promise<number> {
  const { kube, objects, planOnly, timeoutMs, say } = options;
  await refuseHelms(kube);
  const discover = discoverer(kube);
  const wanted = shapeOf(objects);
  const { refusals, steps: before } = judgeReshape(await heldShape(kube, wanted.priorityClass.name), wanted);
  if (refusals.length > 0) throw new Error(`${refusals.join('\n')}\nNothing was changed`);
  const steps = await planInstall(kube, discover, objects, before);
  const changes = steps.filter((step) => step.do !== 'keep');
  say(`${summary(steps)}:`);
  for (const step of changes) say(describeStep(step));
  for (const step of before) say(`  ! ${describeReshaping(step)}`);
  const same = sameImages(steps);
  if (same !== undefined) say(`  ${same}`);
  if (planOnly) return changes.length;

  for (const step of steps)
    if (step.do !== 'delete' && asksExternalConsul(step.object)) await requireExternalSecrets(kube, step.object);
  say(
    changes.length === 0 ? 'nothing has to be changed' : 'applying, part by part; waiting until all of it can be used',
  );
  await reshape({ kube, openServers: options.openServers, clock: systemClock, say }, before);
  await rollOut({ kube, discover, steps, timeoutMs, say });
  return changes.length;
}

/** Two owners would undo each other's work at every upgrade. */
export async function refuseHelms(kube: KubeClient): Promise<void> {
  const operator = await kube.get<KubeObject>(deployments, 'landbridge-operator', NAMESPACE);
  if (operator?.metadata.labels?.['app.kubernetes.io/managed-by'] !== 'Helm') return;
  const { annotations = {} } = operator.metadata;
  const release = annotations['meta.helm.sh/release-name'] ?? 'landbridge';
  const namespace = annotations['meta.helm.sh/release-namespace'] ?? 'default';
  throw new Error(
    `${nameOf({ ...operator, kind: 'Deployment' })} belongs to the Helm release ${release}: helm upgrade or helm uninstall ${release} -n ${namespace}`,
  );
}
