import type { Bridge } from './bridge.ts';
import { listHostRecords, readHostRecord } from './host-record.ts';

/**
 * Takes up changes that another bridge has made to the records of hosts. A bridge that stood still while it lost its lock
 * may write after this one has read them. A machine that was revoked there must not go on here, and a machine that has
 * joined there must be known. Throws Consul's errors.
 */
export async function rereadHosts(bridge: Bridge): Promise<void> {
  const { consul, hosts, log } = bridge;
  const before = new Map(hosts.all().map((host) => [host, host.held?.modifyIndex ?? 0]));
  const { records, unreadable } = await listHostRecords(consul);
  for (const { record, modifyIndex } of records) {
    const known = hosts.get(record);
    if (known !== undefined && (known.held?.modifyIndex ?? 0) >= modifyIndex) continue;
    // It may have been written here while all were read: asked for alone, it is what it is now.
    const now = await readHostRecord(consul, record);
    const host = hosts.get(record);
    if (now === undefined || (host?.held?.modifyIndex ?? 0) >= now.modifyIndex) continue;
    const taken = host ?? hosts.add(record, bridge.clock.steady(), now);
    taken.held = now;
    log.warn({ site: record.site, host: record.host }, 'the record of a host was written by another bridge');
    if (now.record.revokedAt !== undefined) shutOut(bridge, taken);
  }
  const listed = new Set(records.map(({ record }) => hosts.get(record)));
  const missing = [...before].filter(
    ([host, index]) => index > 0 && !listed.has(host) && host.held?.modifyIndex === index,
  );
  if (unreadable.length > 0) return;
  for (const [host] of missing) {
    if ((await readHostRecord(consul, host)) !== undefined || hosts.get(host) !== host) continue;
    log.warn({ site: host.site, host: host.host }, 'a host has left by way of another bridge');
    shutOut(bridge, host);
    host.held = undefined;
    hosts.remove(host);
  }
}

type Known = Parameters<Bridge['hosts']['erase']>[0];

function shutOut(bridge: Bridge, host: Known): void {
  void bridge.writer.want(host.node, host.owner, undefined);
  bridge.tokens.end(host, () => true);
  bridge.connections.cut(host);
}

const REREAD_MS = 60_000;

/** One request a minute, however many hosts there are. */
export async function keepRereading(bridge: Bridge, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await bridge.clock.wait(REREAD_MS, signal);
    if (signal.aborted || !(await bridge.holds())) continue;
    await rereadHosts(bridge).catch((err: unknown) => bridge.log.warn({ err }, 'the records were not read again'));
  }
}
