import type { Consul } from '../../clients/consul/consul.ts';
import { ConsulRefused } from '../../clients/consul/errors.ts';
import { OWNER_META } from '../../mesh/catalog/entry.ts';
import { equal } from '../../mesh/equal.ts';
import { clusterOwner } from '../../mesh/names/names.ts';
import { proxyDefaults } from '../../mesh/catalog/proxy-defaults.ts';

/** Writes the settings of the whole mesh, in our own Consul only. False: another wrote an entry there, which stays. */
export async function keepProxyDefaults(
  consul: Pick<Consul, 'readConfig' | 'apply'>,
  cluster: string,
): Promise<boolean> {
  const wanted = proxyDefaults(clusterOwner(cluster));
  const held = await consul.readConfig(wanted.Kind, wanted.Name);
  const { [OWNER_META]: owner } = held?.entry.Meta ?? {};
  if (held !== undefined && owner !== clusterOwner(cluster)) return false;
  if (held !== undefined && equal(held.entry['Config'], wanted['Config'])) return true;
  const [outcome] = await consul.apply([
    { op: 'set-config', entry: wanted, modifyIndex: held?.modifyIndex ?? 0, before: held?.entry },
  ]);
  if (outcome !== undefined && !outcome.ok) throw new ConsulRefused(outcome.error, 409);
  return true;
}
