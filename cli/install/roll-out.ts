import type { KubeClient } from '../../clients/kube/client.ts';
import { systemClock } from '../../base/clock.ts';
import type { Discover } from '../../clients/kube/discover.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { awaitReady } from './await-ready.ts';
import { BootstrapRefused, asksExternalConsul, forgetRefusal } from './bootstrap-job.ts';
import { deleteObject } from './delete-object.ts';
import { applyObject } from './plan-install.ts';
import type { Step } from './step.ts';

export interface RollOutOptions {
  kube: KubeClient;
  discover: Discover;
  steps: readonly Step[];
  /** For everything to become usable, ms. 0 waits for nothing. */
  timeoutMs: number;
  say(line: string): void;
}

/**
 * Carries out the plan. A running part that changes is replaced by itself, and the next one only when it can be used
 * again: the sidecars have to get over one absence at a time, and a version that does not start stops the upgrade while
 * the others still run as they did. New parts start all at once, as they wait for each other by themselves.
 *
 * Consul servers that were there before are asked first, by the bootstrap job: when they cannot be used the job is taken
 * away again, and nothing else was touched.
 */
export async function rollOut({ kube, discover, steps, timeoutMs, say }: RollOutOptions): Promise<void> {
  const end = systemClock.steady() + timeoutMs;
  const awaitAll = async (objects: readonly KubeObject[]): Promise<void> => {
    if (timeoutMs === 0) return;
    const left = Math.max(0, end - systemClock.steady());
    await awaitReady({ kube, discover, objects, timeoutMs: left, clock: systemClock, say });
  };
  const apply = async ({ object }: Step): Promise<unknown> =>
    applyObject(kube, await discover(object.apiVersion!, object.kind!), object);
  const jobSteps = steps.filter((step) => step.do !== 'delete' && step.object.kind === 'Job');
  for (const { object } of jobSteps) await forgetRefusal(kube, object);
  const asked = timeoutMs === 0 ? [] : askedFirst(steps);
  try {
    for (const step of asked) await apply(step);
    await awaitAll(asked.map(({ object }) => object));
  } catch (error) {
    if (!(error instanceof BootstrapRefused)) throw error;
    const made = asked.filter((step) => step.do === 'create' && step.object.kind !== 'Namespace');
    for (const step of made.toReversed()) await deleteObject(kube, discover, step.object);
    throw new BootstrapRefused(`${error.message}. Nothing was changed`, { cause: error });
  }
  const rolled = rollingOrder(steps);
  const others = steps.filter((step) => step.do !== 'delete' && !rolled.includes(step));
  // Unchanged objects are applied too, so a field that somebody else holds becomes ours.
  for (const step of others) await apply(step);
  for (const step of rolled) {
    await apply(step);
    await awaitAll([step.object]);
  }
  // The parts that ran before needed it until now.
  for (const step of steps) if (step.do === 'delete') await deleteObject(kube, discover, step.object);
  await awaitAll(others.map(({ object }) => object));
}

/** The bootstrap job and what its pod needs, when it asks servers that were there before; empty with own ones. */
export function askedFirst(steps: readonly Step[]): Step[] {
  const wanted = steps.filter((step) => step.do !== 'delete');
  if (!wanted.some(({ object }) => asksExternalConsul(object))) return [];
  // The job needs only objects that are there already.
  return wanted.filter(
    ({ do: what, object: { kind = '', metadata } }) =>
      metadata.labels?.['app.kubernetes.io/component'] === 'bootstrap' ||
      (what === 'create' && ['Namespace', 'PriorityClass'].includes(kind)),
  );
}

/** The parts that run and change: Consul, which all others talk to, then the others in the order of the chart. */
export function rollingOrder(steps: readonly Step[]): Step[] {
  const of = (kind: string): Step[] => steps.filter((step) => step.do === 'change' && step.object.kind === kind);
  return [...of('StatefulSet'), ...of('Deployment')];
}
