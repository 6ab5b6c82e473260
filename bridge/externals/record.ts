import type { Consul } from '../../clients/consul/consul.ts';
import { type ExternalRequest, externalRequest } from '../../mesh/outside/bridge-api.ts';
import { name } from '../../mesh/outside/bridge-shapes.ts';

/** A sidecar-less instance in Consul KV at `landbridge/external/<site>/<name>`, so that a restarted bridge goes on checking it. */
export interface ExternalRecord {
  name: string;
  wanted: ExternalRequest;
}

type Kv = Pick<Consul, 'kvGet' | 'kvList' | 'kvCas' | 'kvDelete'>;

const PREFIX = 'landbridge/external/';
const keyOf = (site: string, name: string): string => `${PREFIX}${site}/${name}`;

/** All records. Unreadable ones are named in `unreadable` and otherwise left alone. */
export async function listExternalRecords(consul: Kv): Promise<{ records: ExternalRecord[]; unreadable: string[] }> {
  const records: ExternalRecord[] = [];
  const unreadable: string[] = [];
  for (const { key, value } of await consul.kvList(PREFIX)) {
    const record = parse(key, value);
    if (record !== undefined) records.push(record);
    else unreadable.push(key);
  }
  return { records, unreadable };
}

/** False when another wrote it at the same moment. */
export async function writeExternalRecord(consul: Kv, record: ExternalRecord): Promise<boolean> {
  const key = keyOf(record.wanted.site, record.name);
  const held = await consul.kvGet(key);
  const value = JSON.stringify(record.wanted);
  return held?.value === value || consul.kvCas(key, value, held?.modifyIndex ?? 0);
}

export const deleteExternalRecord = (consul: Kv, site: string, name: string): Promise<boolean> =>
  consul.kvDelete(keyOf(site, name));

function parse(key: string, value: string): ExternalRecord | undefined {
  try {
    const wanted = externalRequest.parse(JSON.parse(value));
    const last = name.parse(key.split('/').at(-1));
    return keyOf(wanted.site, last) === key ? { name: last, wanted } : undefined;
  } catch {
    return undefined;
  }
}
