import type { KindAnswer } from '../../../clients/consul/reading/watch.ts';
import { CONFIG_KINDS, type ConfigEntry } from '../../../mesh/catalog/entry.ts';
import type { EntryWatch } from '../../../operator/foreign/entry-watch.ts';
import type { FakeConsul } from '../../support/fake-consul/fake-consul.ts';

/** A watch of config entries that answers when the test says so. */
export function handWatch(fake: FakeConsul, kinds: readonly ConfigEntry['Kind'][] = CONFIG_KINDS) {
  const answers = new Map<string, KindAnswer & { entries: ReadonlyMap<string, number> }>();
  const followers: ((answer: KindAnswer) => void)[] = [];
  const entries: EntryWatch = { follow: (take) => void followers.push(take), seen: (kind) => answers.get(kind) };
  /** Consul tells of all kinds, as they are now. */
  async function tell({ restored = false } = {}): Promise<void> {
    for (const kind of kinds) {
      const listed = await fake.consul.listConfig(kind);
      const now = new Map(listed.map(({ entry, modifyIndex }) => [entry.Name, modifyIndex]));
      const before = answers.get(kind)?.entries;
      const names = [...new Set([...now.keys(), ...(before?.keys() ?? [])])];
      const changed = before === undefined ? [] : names.filter((name) => before.get(name) !== now.get(name));
      if (before !== undefined && changed.length === 0 && !restored) continue;
      const answer = { kind, index: fake.raftIndex(), entries: now, changed, restored };
      answers.set(kind, answer);
      for (const take of followers) take(answer);
    }
  }
  return { entries, tell };
}
