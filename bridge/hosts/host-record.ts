import { z } from 'zod';
import type { Consul } from '../../clients/consul/consul.ts';
import { name } from '../../mesh/outside/bridge-shapes.ts';
import type { HostIdentity } from '../certificates/authority.ts';

/** The facts of a host that outlive the bridge, in Consul KV at `landbridge/hosts/<site>/<host>`. Holds no secret. */
const hostRecord = z.object({
  site: name,
  host: name,
  /** Services that invites have let it join. */
  services: z.array(name),
  /** Fingerprints of the keys that prove it, newest first: the one in use, and the one before until it is renewed again. */
  keys: z.array(z.string()).min(1),
  /** RFC 3339. */
  joinedAt: z.string(),
  /** The invite spent last: a host that never got the answer to its join asks again with the same one. */
  lastInvite: z.object({ id: z.string(), secretSha256: z.string(), service: name }),
  /** Which of the machines that have its key speaks for it, see claim.ts. */
  claim: z.object({ id: z.string(), address: z.string() }).optional(),
  /** RFC 3339, when its lease lapsed; absent while it beats. The clean-up clock starts here and survives restarts. */
  diedAt: z.string().optional(),
  /** RFC 3339. Its keys may never come back; a key that joins with a later invite may. */
  revokedAt: z.string().optional(),
});

export type HostRecord = z.output<typeof hostRecord>;

export interface HeldRecord {
  record: HostRecord;
  modifyIndex: number;
}

const PREFIX = 'landbridge/hosts/';
const keyOf = ({ site, host }: HostIdentity): string => `${PREFIX}${site}/${host}`;

type Kv = Pick<Consul, 'kvGet' | 'kvList' | 'kvCas' | 'kvDelete'>;

/** All records. Unreadable ones are named in `unreadable` and otherwise left alone. */
export async function listHostRecords(consul: Kv): Promise<{ records: HeldRecord[]; unreadable: string[] }> {
  const records: HeldRecord[] = [];
  const unreadable: string[] = [];
  for (const { key, value, modifyIndex } of await consul.kvList(PREFIX)) {
    const record = parse(value);
    if (record !== undefined && keyOf(record) === key) records.push({ record, modifyIndex });
    else unreadable.push(key);
  }
  return { records, unreadable };
}

export async function readHostRecord(consul: Kv, identity: HostIdentity): Promise<HeldRecord | undefined> {
  const entry = await consul.kvGet(keyOf(identity));
  const record = entry && parse(entry.value);
  return entry && record && { record, modifyIndex: entry.modifyIndex };
}

/** Check-and-set. Gives the record as held now, or undefined when somebody wrote it since `modifyIndex` (0 = new). */
export async function writeHostRecord(
  consul: Kv,
  record: HostRecord,
  modifyIndex: number,
): Promise<HeldRecord | undefined> {
  const key = keyOf(record);
  const value = JSON.stringify(record);
  if (!(await consul.kvCas(key, value, modifyIndex))) return undefined;
  const entry = await consul.kvGet(key);
  // Written again by another between the two requests: theirs counts, and the next write will notice.
  return { record, modifyIndex: entry?.value === value ? entry.modifyIndex : modifyIndex };
}

export const deleteHostRecord = (consul: Kv, identity: HostIdentity): Promise<boolean> =>
  consul.kvDelete(keyOf(identity));

function parse(value: string): HostRecord | undefined {
  try {
    return hostRecord.safeParse(JSON.parse(value)).data;
  } catch {
    return undefined;
  }
}

/** The run of a machine from one boot to the next, by its own word. Kept in the host's record. */
export interface Claim {
  id: string;
  address: string;
}

/** Another machine that has the key of a host, and was refused. */
export interface Rival extends Claim {
  atMs: number;
}

/** At most two: the new one, and the one before in case the answer never arrives. */
export const newestFirst = (keys: string[], fingerprint: string): string[] =>
  [fingerprint, ...keys.filter((other) => other !== fingerprint)].slice(0, 2);
