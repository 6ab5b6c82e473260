import type { KubeClient } from '../../clients/kube/client.ts';
import type { Clock } from '../../base/clock.ts';
import type { Discover } from '../../clients/kube/discover.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { BootstrapRefused, refusalOfJob } from './bootstrap-job.ts';
import { AWAITED, notReadyBecause } from './not-ready.ts';
import { podTrouble } from './pod-trouble.ts';
import { nameOf } from './step.ts';

export interface AwaitReadyOptions {
  kube: KubeClient;
  discover: Discover;
  objects: readonly KubeObject[];
  timeoutMs: number;
  clock: Clock;
  say(line: string): void;
}

const LOOK_EVERY_MS = 500;
/** After so long without progress, the complaints of the pods themselves are shown. */
const TROUBLE_AFTER_MS = 8000;

/**
 * Resolves when everything applied can be used; throws what is missing, and why, after `timeoutMs`, and BootstrapRefused
 * as soon as the bootstrap job has given up.
 */
export async function awaitReady(options: AwaitReadyOptions): Promise<void> {
  const { kube, discover, clock, say } = options;
  const start = clock.steady();
  const never = new AbortController().signal;
  const said = new Set<string>();
  let waiting = options.objects.filter(({ kind }) => AWAITED.has(kind!));
  for (;;) {
    const reasons: string[] = [];
    const still: KubeObject[] = [];
    for (const object of waiting) {
      const resource = await discover(object.apiVersion!, object.kind!);
      const held = await kube.get<KubeObject>(resource, object.metadata.name, object.metadata.namespace);
      const because = held === undefined ? 'gone' : notReadyBecause({ ...held, kind: object.kind! });
      if (because === undefined) {
        say(`  ready: ${nameOf(object)}`);
        continue;
      }
      const refusal = object.kind === 'Job' ? await refusalOfJob(kube, held ?? object) : undefined;
      if (refusal !== undefined) throw new BootstrapRefused(refusal);
      still.push(object);
      reasons.push(`${nameOf(object)}: ${because}`);
    }
    if (still.length === 0) return;
    waiting = still;
    const passed = clock.steady() - start;
    const late = passed >= options.timeoutMs;
    const trouble = late || passed >= TROUBLE_AFTER_MS ? await podTrouble(kube, NAMESPACE) : [];
    if (late) {
      const lines = [...reasons, ...trouble].map((line) => `\n  ${line}`).join('');
      throw new Error(`not ready after ${Math.round(options.timeoutMs / 1000)} s:${lines}`);
    }
    for (const line of trouble.filter((one) => !said.has(one))) {
      said.add(line);
      say(`  ${line}`);
    }
    await clock.wait(LOOK_EVERY_MS, never);
  }
}
