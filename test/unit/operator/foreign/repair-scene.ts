import { type ConfigEntry, OWNER_META } from '../../../../mesh/catalog/entry.ts';
import { meshServiceOfNode, podsNode } from '../../../../mesh/names/names.ts';
import { rememberingCatalog } from '../../../../operator/catalog/catalog.ts';
import { repairEntries } from '../../../../operator/foreign/entry-repair.ts';
import { fakeConsul } from '../../../support/fake-consul/fake-consul.ts';
import { fakeClock } from '../../bridge/fake-clock.ts';
import { handWatch } from '../entry-scene.ts';

export const NOTHING = { node: undefined, config: {} };
export const nodeOf = (key: string): string => podsNode('lab', ...(key.split('/') as [string, string]));
export const defaults = (Name: string, Protocol: string): ConfigEntry => ({
  Kind: 'service-defaults',
  Name,
  Protocol,
  Meta: { [OWNER_META]: `k8s/lab/shop/${Name}` },
});
export const splitter = (Name: string): ConfigEntry => ({
  Kind: 'service-splitter',
  Name,
  Meta: {},
  Splits: [{ Weight: 100 }],
});

/** Two MeshServices, written and remembered; a walk reads, and writes what the test gives it. */
export async function scene() {
  const fake = fakeConsul();
  const catalog = rememberingCatalog(fake.consul);
  const clock = fakeClock();
  const stop = new AbortController();
  const { entries, tell } = handWatch(fake);
  const walks: string[] = [];
  const pauses = new Map<string, number>();
  let surveys = 0;
  const place = (key: string) => ({ node: nodeOf(key), services: [key.split('/')[1]!] });
  const { walked } = repairEntries({
    entries,
    nodeOf,
    keyOf: (node) => meshServiceOfNode('lab', node),
    catalog,
    pauseMs: (_key, entry) => pauses.get(entry) ?? 0,
    walk: (key) => walks.push(key),
    survey: () => void surveys++,
    clock,
    signal: stop.signal,
  });
  const read = (key: string) => catalog.read(place(key), NOTHING);
  async function set(key: string, entry: ConfigEntry) {
    const { config } = await read(key);
    const modifyIndex = config[`${entry.Kind}/${entry.Name}`]?.modifyIndex ?? 0;
    return catalog.apply(place(key), [{ op: 'set-config', entry, modifyIndex }]);
  }
  async function byHand(entry: ConfigEntry): Promise<void> {
    const held = await fake.consul.readConfig(entry.Kind, entry.Name);
    await fake.consul.apply([{ op: 'set-config', entry, modifyIndex: held?.modifyIndex ?? 0 }]);
  }
  for (const key of ['shop/web', 'shop/api']) await set(key, defaults(key.split('/')[1]!, 'http'));
  await tell();
  return { fake, catalog, clock, stop, tell, walks, walked, pauses, surveys: () => surveys, read, set, byHand, place };
}
