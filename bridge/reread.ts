import type { Bridge } from './api/bridge.ts';
import { listHostRecords, readHostRecord } from './hosts/host-record.ts';

/** The parts of the bridge that this touches. */
type Parts = 'clock' | 'connections' | 'consul' | 'holds' | 'hosts' | 'log' | 'tokens' | 'writer';

/**
 * Takes up changes that another bridge has made to the records of hosts. A bridge that stood still while it lost its lock
 * may write after this one has read them. A machine that was revoked there must not go on here, and a machine that has
 * joined there must be known. What a restored backup of Consul lacks is written again. Throws Consul's errors.
 */
export async function rereadHosts(bridge: Pick<Bridge, Parts>): Promise<void> {
  const { consul, hosts, log } = bridge;
  const before = new Map(hosts.all().map((host) => [host, host.held?.modifyIndex ?? 0]));
  const { records, unreadable } = await listHostRecords(consul);
  for (const { record, modifyIndex } of records) {
    const known = hosts.get(record);
    const index = known?.held?.modifyIndex ?? 0;
    if (known !== undefined && index > modifyIndex && index === before.get(known)) await putBackNewer(bridge, known);
    if (known !== undefined && index >= modifyIndex) continue;
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
    if (await goesOnBeating(bridge, host)) continue;
    log.warn({ site: host.site, host: host.host }, 'a host has left by way of another bridge');
    shutOut(bridge, host);
    host.held = undefined;
    hosts.remove(host);
  }
}

type Known = Parameters<Bridge['hosts']['erase']>[0];

/** Consul gives an older record only after a backup was restored: a revocation or a new key may be what it lacks. */
async function putBackNewer({ consul, hosts, log }: Pick<Bridge, Parts>, host: Known): Promise<void> {
  const held = host.held;
  const now = await readHostRecord(consul, host);
  if (now === undefined || held === undefined || host.held !== held || now.modifyIndex >= held.modifyIndex) return;
  if (await hosts.putBack(host, now.modifyIndex))
    log.warn(
      { site: host.site, host: host.host },
      'Consul had gone back to an older record of a host: it was put right',
    );
}

/** Since when, on the steady clock, Consul has no record of a host that beats here. */
const missingSince = new WeakMap<Known, number>();

/**
 * A machine that has left is silent. One that goes on beating has joined after the backup to which Consul was restored: its
 * record is written again, at the second look.
 */
async function goesOnBeating({ hosts, clock, log }: Pick<Bridge, Parts>, host: Known): Promise<boolean> {
  const since = missingSince.get(host);
  if (since === undefined) {
    if (host.heardHere) missingSince.set(host, clock.steady());
    return host.heardHere;
  }
  missingSince.delete(host);
  if (host.lease.heardAtMs <= since || !(await hosts.putBack(host, 0))) return false;
  log.warn({ site: host.site, host: host.host }, 'Consul had lost the record of a host that beats: it was put back');
  return true;
}

function shutOut(bridge: Pick<Bridge, Parts>, host: Known): void {
  void bridge.writer.want(host.node, host.owner, undefined);
  bridge.tokens.end(host, () => true);
  bridge.connections.cut(host);
}

const REREAD_MS = 60_000;

/** One request a minute, however many hosts there are. */
export async function keepRereading(bridge: Pick<Bridge, Parts>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await bridge.clock.wait(REREAD_MS, signal);
    if (signal.aborted || !(await bridge.holds())) continue;
    await rereadHosts(bridge).catch((err: unknown) => bridge.log.warn({ err }, 'the records were not read again'));
  }
}
