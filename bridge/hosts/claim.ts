import type { MachineRun } from '../../mesh/outside/bridge-api.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Claim } from './host-record.ts';
import type { Host, Hosts } from './hosts.ts';
import { Refusal } from '../refusal.ts';

interface Watch {
  clock: Clock;
  leaseMs: number;
}

/**
 * Two machines with one state, as a copy of a VM makes them, have one key; their runs tell them apart.
 *
 * | the run is                          | the holder's lease | what                                |
 * |-------------------------------------|--------------------|-------------------------------------|
 * | the holder's, or not told           | any                | goes on                             |
 * | another                             | is over, or left   | holds the host from now on (a boot) |
 * | another                             | holds              | refused, and both are named         |
 *
 * Throws a Refusal.
 */
export function claimHost(
  bridge: Watch & { hosts: Pick<Hosts, 'change'>; log: Log },
  host: Host,
  run: MachineRun | undefined,
  address: string,
): void {
  if (run === undefined) return;
  const holder = host.claim;
  if (holder !== undefined && holder.id !== run.id && isHeld(bridge, host)) {
    host.rival = { id: run.id, address, atMs: bridge.clock.steady() };
    bridge.log.warn({ site: host.site, host: host.host, holder, rival: { id: run.id, address } }, 'a copy is refused');
    throw new Refusal('hostClaimed', refusalOf(bridge, host, holder, { id: run.id, address }));
  }
  // A host that leaves keeps no other host out.
  const claim = run.leaves ? undefined : { id: run.id, address };
  if (holder?.id === claim?.id && holder?.address === claim?.address) return;
  host.claim = claim;
  // It outlives the bridge. A failed write costs only that.
  bridge.hosts
    .change(host, (record) => ({ ...record, claim }))
    .catch((err: unknown) => bridge.log.warn({ err, site: host.site, host: host.host }, 'a claim was not written'));
}

const isHeld = ({ clock, leaseMs }: Watch, { lease }: Host): boolean =>
  !lease.down && clock.steady() - lease.heardAtMs <= leaseMs;

function refusalOf({ clock, leaseMs }: Watch, host: Host, holder: Claim, rival: Claim): string {
  const heardS = ((clock.steady() - host.lease.heardAtMs) / 1000).toFixed(1);
  return (
    `host "${host.host}" of site "${host.site}" is the machine at ${holder.address} (run ${holder.id}, heard ${heardS} s ago), ` +
    `and this is another with the same state, at ${rival.address} (run ${rival.id}): if it is a copy, run landbridge vm leave --all on it, ` +
    `which leaves the other alone, and join it under a name of its own (--host-name); if it has just been booted, it is let in when the lease of ${leaseMs / 1000} s is over`
  );
}

/** The warning about a host that two machines claim; undefined: none for two leases at least. */
export function rivalNote({ clock, leaseMs }: Watch, { host, claim, rival }: Host): string | undefined {
  if (rival === undefined || clock.steady() - rival.atMs > 2 * leaseMs) return undefined;
  return `a copy at ${rival.address} (run ${rival.id}) claims to be ${host}, which is at ${claim?.address ?? '?'} (run ${claim?.id ?? '?'}), and is refused`;
}
