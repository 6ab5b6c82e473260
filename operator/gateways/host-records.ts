import { z } from 'zod';
import type { Consul } from '../../clients/consul/consul.ts';
import type { HostRecord, HostRecords } from '../../mesh/gateways/edge-hosts.ts';

/** Which namespace has which host, one key a namespace. */
const HOST_KEYS = 'landbridge/edge/';

export interface HeldHosts {
  records: HostRecords;
  /** Keyed by the key in Consul. */
  written: Map<string, { value: string; modifyIndex: number }>;
}

const stored = z.record(
  z.string(),
  z.object({ since: z.number(), sharedWith: z.array(z.string()).default([]), freeAtMs: z.number().optional() }),
);

/** Throws what Consul answers, and for a key that no version of ours can have written. */
export async function readHosts(consul: Pick<Consul, 'kvList'>, cluster: string): Promise<HeldHosts> {
  const prefix = `${HOST_KEYS}${cluster}/`;
  const records = new Map<string, HostRecord>();
  const written: HeldHosts['written'] = new Map();
  for (const { key, value, modifyIndex } of await consul.kvList(prefix)) {
    written.set(key, { value, modifyIndex });
    const namespace = key.slice(prefix.length);
    for (const [host, record] of Object.entries(parsed(key, value))) records.set(host, { namespace, ...record });
  }
  return { records, written };
}

/** Keeps what changed. Throws when somebody else wrote meanwhile. */
export async function writeHosts(
  consul: Pick<Consul, 'kvCas' | 'kvDelete'>,
  cluster: string,
  records: HostRecords,
  { written }: HeldHosts,
): Promise<void> {
  const wanted = new Map<string, Record<string, Omit<HostRecord, 'namespace'>>>();
  for (const [host, { namespace, ...record }] of [...records].sort()) {
    const key = `${HOST_KEYS}${cluster}/${namespace}`;
    const hosts = wanted.get(key) ?? {};
    hosts[host] = record;
    wanted.set(key, hosts);
  }
  for (const [key, hosts] of wanted) {
    const value = JSON.stringify(hosts);
    const before = written.get(key);
    if (before?.value === value) continue;
    if (!(await consul.kvCas(key, value, before?.modifyIndex ?? 0))) throw changedMeanwhile(key);
  }
  for (const [key, { modifyIndex }] of written)
    if (!wanted.has(key) && !(await consul.kvDelete(key, modifyIndex))) throw changedMeanwhile(key);
}

const changedMeanwhile = (key: string): Error => new Error(`${key} in Consul was changed by another meanwhile`);

function parsed(key: string, value: string): z.output<typeof stored> {
  try {
    return stored.parse(JSON.parse(value));
  } catch {
    throw new Error(`${key} in Consul does not hold hosts of the edge: put it right, or delete it`);
  }
}
