import type { KubeClient } from '../../clients/kube/client.ts';
import { systemClock } from '../../base/clock.ts';
import { discoverer, type Discover } from '../../clients/kube/discover.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { hasStubDomain } from '../../mesh/names/stub-domain.ts';
import { COREDNS, readCorefile } from '../dns/corefile.ts';
import { disableDns } from '../dns/disable-dns.ts';
import { deleteObject } from './delete-object.ts';
import { removeFromConsul } from './remove-from-consul.ts';
import { releaseMeshServices, removeMeshServices } from './remove-mesh-services.ts';
import { everythingOf } from './residue.ts';
import { refuseHelms } from './install.ts';
import { describeStep, nameOf } from './step.ts';

export interface UninstallOptions {
  kube: KubeClient;
  /** Leave the CRDs and with them all MeshServices, which nobody looks after until the next installation. */
  keepCrds: boolean;
  planOnly: boolean;
  timeoutMs: number;
  /** Asked once, after the plan. */
  confirm(): Promise<boolean>;
  say(line: string): void;
}

/** The result of an uninstallation that keeps the CRDs. */
const WITH_CRDS = new Set(['CustomResourceDefinition', 'MeshService']);
const STOPPED_FIRST = new Set(['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'Deployment', 'Job']);

/**
 * Takes an installation away: first the entries of MeshServices in Consul, while an operator can remove them, then the objects that refuse pods, then the processes, then the objects that these made. Ends with a look at everything again. Gives the leftovers, which are empty unless something holds on to them; running it again goes on.
 */
export async function uninstall(options: UninstallOptions): Promise<KubeObject[]> {
  const { kube, keepCrds, say } = options;
  await refuseHelms(kube);
  const discover = discoverer(kube);
  const kept = keepCrds ? WITH_CRDS : new Set<string>();
  const found = await everythingOf(kube, discover, kept);
  const forwarded = hasStubDomain((await readCorefile(kube, COREDNS)) ?? '');
  if (found.length === 0 && !forwarded) {
    say('nothing of Landbridge is here');
    return [];
  }
  say(`${found.length} to delete, and what MeshServices and machines have in Consul:`);
  for (const object of found) say(describeStep({ do: 'delete', object, fields: [] }));
  if (forwarded) say(`  ~ ConfigMap ${COREDNS.namespace}/${COREDNS.name}\n      our block for *.consul`);
  if (options.planOnly) return found;
  if (!(await options.confirm())) throw new Error('nothing was deleted');

  // While Consul still runs: afterwards the names would look like ones that do not exist.
  if (forwarded) say(await disableDns(kube));
  const clock = systemClock;
  if (!keepCrds) {
    const stuck = await removeMeshServices(kube, options.timeoutMs / 2, clock);
    if (stuck.length > 0) say(`no operator took care of ${stuck.map(nameOf).join(', ')}: let go by force`);
  }
  const stopped = found.filter(({ kind }) => STOPPED_FIRST.has(kind!));
  const bootstrap = await removeFromConsul.prepare(kube);
  await deleteAll(kube, discover, stopped);
  await gone(kube, discover, ['Deployment', 'Pod'], options.timeoutMs);
  await releaseMeshServices(kube);
  if (bootstrap !== undefined) await removeFromConsul.run(kube, bootstrap, options.timeoutMs, say);
  await deleteAll(kube, discover, await everythingOf(kube, discover, kept));
  const left = await gone(kube, discover, undefined, options.timeoutMs, kept);
  say(
    left.length === 0 ? 'nothing is left' : `still there:\n${left.map((object) => `  ${nameOf(object)}`).join('\n')}`,
  );
  return left;
}

async function deleteAll(kube: KubeClient, discover: Discover, objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) await deleteObject(kube, discover, object);
}

/** Waits until none of these kinds is left (default: nothing at all); gives what still is. Consul's own pods may stay. */
async function gone(
  kube: KubeClient,
  discover: Discover,
  kinds: string[] | undefined,
  timeoutMs: number,
  kept?: ReadonlySet<string>,
): Promise<KubeObject[]> {
  const start = systemClock.steady();
  for (;;) {
    const all = await everythingOf(kube, discover, kept);
    const left = kinds === undefined ? all : all.filter((object) => kinds.includes(object.kind!) && !isConsul(object));
    if (left.length === 0 || systemClock.steady() - start >= timeoutMs) return left;
    await systemClock.wait(500, new AbortController().signal);
  }
}

const isConsul = ({ metadata }: KubeObject): boolean => metadata.labels?.['app.kubernetes.io/component'] === 'consul';
