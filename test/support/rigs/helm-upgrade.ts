import { prepareUpgrade } from '../../../cli/install/prepare-upgrade.ts';
import type { ConsulRaft } from '../../../clients/consul/raft.ts';
import type { KubeClient } from '../../../clients/kube/client.ts';
import { systemClock } from '../../../base/clock.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { objectPath } from '../../../clients/kube/resources.ts';
import { applyManifest, resourceOf } from '../kube/apply-manifest.ts';

type Env = { name: string; value: string }[];

export interface HelmUpgrade {
  kube: KubeClient;
  /** As the account of Helm's hook, with its rights and no others. */
  upgrader: KubeClient;
  openServers(): Promise<ConsulRaft>;
}

const identity = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
export const isHook = ({ metadata }: KubeObject): boolean => metadata.annotations?.['helm.sh/hook'] !== undefined;
export const isKept = ({ metadata }: KubeObject): boolean =>
  metadata.annotations?.['helm.sh/resource-policy'] === 'keep';
const isRight = ({ kind }: KubeObject): boolean =>
  ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding', 'ServiceAccount'].includes(kind!);

/** As Helm does it: the hook, then what differs, then what is no longer there. Gives why it was refused. */
export async function helmUpgrade(
  { kube, upgrader, openServers }: HelmUpgrade,
  from: KubeObject[],
  to: KubeObject[],
): Promise<string> {
  for (const object of to.filter((one) => isHook(one) && isRight(one))) await applyManifest(kube, object, 'helm');
  const job = to.find(({ kind, metadata }) => kind === 'Job' && metadata.name === 'landbridge-upgrade')!;
  const env = (job['spec'] as { template: { spec: { containers: { env: Env }[] } } }).template.spec.containers[0]!.env;
  try {
    await prepareUpgrade({
      kube: upgrader,
      env: Object.fromEntries(env.map(({ name, value }) => [name, value])),
      openServers,
      clock: systemClock,
      say: () => undefined,
    });
  } catch (error) {
    return (error as Error).message;
  }
  const before = new Map(from.filter((object) => !isHook(object)).map((object) => [identity(object), object]));
  for (const object of to.filter((one) => !isHook(one))) {
    const old = before.get(identity(object));
    before.delete(identity(object));
    // The hook may have deleted it: then it is made again, also when it did not change.
    const path = objectPath(resourceOf(object), object.metadata.name, object.metadata.namespace);
    const gone = ['StatefulSet', 'PriorityClass'].includes(object.kind!)
      ? (await kube.request('GET', path).catch(() => undefined)) === undefined
      : false;
    if (gone || JSON.stringify(old) !== JSON.stringify(object)) await applyManifest(kube, object, 'helm');
  }
  for (const object of before.values())
    if (!isKept(object))
      await kube.delete(resourceOf(object), object.metadata.name, object.metadata.namespace, {
        propagationPolicy: 'Background',
      });
  return '';
}
