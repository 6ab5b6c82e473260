import { type KindAnswer, type WatchOptions, watchConfig } from '../../clients/consul/reading/watch.ts';
import type { KindSeen } from '../../mesh/foreign/news.ts';

/** Consul's answers about config entries: one question for each kind, however many parts follow it. */
export interface EntryWatch {
  /** Calls `take` at each answer of Consul; the first of a kind names no changes. */
  follow(take: (answer: KindAnswer) => void): void;
  /** The last answer; undefined before the first. */
  seen(kind: string): KindSeen | undefined;
}

export function watchEntries(kinds: readonly string[], options: WatchOptions): EntryWatch {
  const answers = new Map<string, KindAnswer>();
  const followers: ((answer: KindAnswer) => void)[] = [];
  watchConfig(
    kinds,
    (answer) => {
      answers.set(answer.kind, answer);
      for (const take of followers) take(answer);
    },
    options,
  );
  return {
    follow: (take) => void followers.push(take),
    seen: (kind) => answers.get(kind),
  };
}
