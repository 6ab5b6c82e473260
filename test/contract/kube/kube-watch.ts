import type { KubeClient } from '../../../clients/kube/client.ts';
import type { Resource } from '../../../clients/kube/resources.ts';
import { watch, type WatchOptions } from '../../../clients/kube/watching/watch.ts';
import type { WatchEvent } from '../../../clients/kube/watching/watch-stream.ts';

const deadlineMs = 10_000;

/** The first `count` events of a watch, bookmarks left out. Fails after 10 s. */
export async function gatherWatch(
  kube: KubeClient,
  resource: Resource,
  from: Partial<WatchOptions> & { resourceVersion: string },
  count: number,
): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  const signal = AbortSignal.timeout(deadlineMs);
  for await (const event of watch(kube, resource, { timeoutSeconds: 60, idleTimeoutMs: deadlineMs, ...from, signal })) {
    if (event.type !== 'BOOKMARK') events.push(event);
    if (events.length === count) break;
  }
  return events;
}

/** Waits until `ready` gives something other than undefined or false; fails after `withinMs`. */
export async function until<T>(
  what: string,
  ready: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await ready();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
