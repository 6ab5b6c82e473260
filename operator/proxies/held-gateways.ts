import type { PodFacts } from '../../mesh/service/pod.ts';
import { answers, podKey } from './proxy-scopes.ts';

export interface HeldGateways {
  get(key: string): PodFacts | undefined;
  keys(): string[];
  /** Asks which there are; those held stay when the question fails. Never throws. */
  list(): Promise<void>;
}

/** Pods of the gateways, which no mirror holds. Each difference between two answers calls `came` or `gone`. */
export function heldGateways(
  ask: () => Promise<PodFacts[]>,
  came: (key: string) => void,
  gone: (key: string) => void,
): HeldGateways {
  const held = new Map<string, PodFacts>();
  let asking: Promise<void> | undefined;
  async function list(): Promise<void> {
    const pods = await ask().catch(() => undefined);
    if (pods === undefined) return;
    const before = new Set(held.keys());
    held.clear();
    for (const pod of pods) if (answers(pod)) held.set(podKey(pod), pod);
    for (const key of before) if (!held.has(key)) gone(key);
    for (const key of held.keys()) if (!before.has(key)) came(key);
  }
  return {
    get: (key) => held.get(key),
    keys: () => [...held.keys()],
    list: () => (asking ??= list().finally(() => (asking = undefined))),
  };
}
