import type { ConfigEntry, HeldConfig } from '../../../mesh/catalog/entry.ts';
import { compare } from './compare.ts';
import { configEntry } from './normalise-config.ts';
import { readAll } from './read.ts';
import type { Transport } from '../transport.ts';

export const configPath = (kind: ConfigEntry['Kind'], name: string): string =>
  `/config/${kind}/${encodeURIComponent(name)}`;

export async function readConfig(
  transport: Transport,
  kind: ConfigEntry['Kind'],
  name: string,
): Promise<HeldConfig | undefined> {
  const reply = await readAll(transport, configPath(kind, name), { accept: [404] });
  return reply.status === 404 ? undefined : configEntry(reply.body as Record<string, unknown>);
}

export async function listConfig(transport: Transport, kind: ConfigEntry['Kind']): Promise<HeldConfig[]> {
  const reply = await readAll(transport, `/config/${kind}`);
  return (reply.body as Record<string, unknown>[]).map(configEntry).sort((a, b) => compare(a.entry.Name, b.entry.Name));
}
