import type { Consul } from '../../clients/consul/consul.ts';
import type { Lease } from '../../mesh/outside/lease.ts';
import { bridgeOwner, vmNode } from '../../mesh/names/names.ts';
import { REFUSAL_KEYS } from '../../mesh/outside/machine-report.ts';
import type { DoorReport } from '../../mesh/doors/machine-doors.ts';
import type { HostIdentity } from '../certificates/authority.ts';
import {
  type Claim,
  deleteHostRecord,
  type HeldRecord,
  type HostRecord,
  readHostRecord,
  type Rival,
  writeHostRecord,
} from './host-record.ts';
import { Refusal } from '../refusal.ts';

/** A host as the bridge has it in memory. Its instances are what the NodeWriter wants of its node. */
export interface Host extends HostIdentity {
  /** Name of its Consul node, and the mark on it. */
  node: string;
  owner: string;
  /** undefined for a node of ours without a record (a lost KV): it can only lapse and be cleaned up. */
  held: HeldRecord | undefined;
  lease: Lease;
  /** Milliseconds since 1970, when the lease lapsed; undefined while it beats. */
  diedAtMs: number | undefined;
  claim: Claim | undefined;
  rival: Rival | undefined;
  /** It has beaten to this bridge. */
  heardHere: boolean;
  /** The address from which its last beat came. */
  calledFrom?: string;
  /** How far its clock is ahead of the bridge's, ms; undefined: its agent is of an earlier version. */
  skewMs?: number;
  /** Its last report of its doors, by instance. */
  doors?: ReadonlyMap<string, DoorReport>;
  /** Its own word on what is wrong with it, one sentence each. */
  problems?: string[];
  /** Writes of its record, one after the other. */
  saving: Promise<unknown>;
}

export interface Hosts {
  get(identity: HostIdentity): Host | undefined;
  all(): Host[];
  add(identity: HostIdentity, heardAtMs: number, held?: HeldRecord): Host;
  remove(identity: HostIdentity): void;
  /** Makes or changes the record, in KV and here. Throws a Refusal when others keep writing it, and the errors of Consul. */
  save(host: Host, change: (record: HostRecord | undefined) => HostRecord): Promise<void>;
  /** As save, but throws a Refusal without a record. */
  change(host: Host, change: (record: HostRecord) => HostRecord): Promise<void>;
  /** Writes the record that is held here over the one of that index (0: none). False: somebody wrote it meanwhile. */
  putBack(host: Host, modifyIndex: number): Promise<boolean>;
  erase(host: Host): Promise<void>;
}

type Kv = Pick<Consul, 'kvGet' | 'kvList' | 'kvCas' | 'kvDelete'>;

const MAX_TRIES = 3;

export function createHosts(consul: Kv): Hosts {
  const hosts = new Map<string, Host>();
  const keyOf = ({ site, host }: HostIdentity): string => `${site}/${host}`;

  async function saveNow(host: Host, change: (record: HostRecord | undefined) => HostRecord): Promise<void> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const next = change(host.held?.record);
      const written = await writeHostRecord(consul, next, host.held?.modifyIndex ?? 0);
      if (written !== undefined) {
        host.held = written;
        // It may have been removed while this waited for its turn. A host with a record is known.
        hosts.set(keyOf(host), host);
        return;
      }
      host.held = await readHostRecord(consul, host);
    }
    throw new Refusal('changedMeanwhile', `the record of host "${host.host}" keeps being changed: try again`);
  }

  /** One write of a record at a time, so that two changes made here never race each other. */
  function queued<T>(host: Host, work: () => Promise<T>): Promise<T> {
    const result = host.saving.then(work);
    host.saving = result.catch(() => undefined);
    return result;
  }

  return {
    get: (identity) => hosts.get(keyOf(identity)),
    all: () => [...hosts.values()],
    add({ site, host }, heardAtMs, held) {
      const added: Host = {
        site,
        host,
        node: vmNode(site, host),
        owner: bridgeOwner(site, host),
        held,
        lease: { host, heardAtMs, down: false },
        diedAtMs: undefined,
        claim: held?.record.claim,
        rival: undefined,
        heardHere: false,
        saving: Promise.resolve(),
      };
      hosts.set(keyOf(added), added);
      return added;
    },
    remove: (identity) => void hosts.delete(keyOf(identity)),
    save: (host, change) => queued(host, () => saveNow(host, change)),
    change: (host, change) =>
      queued(host, () =>
        saveNow(host, (record) => {
          if (record !== undefined) return change(record);
          throw new Refusal('hostUnknown', `host "${host.host}" of site "${host.site}" has left meanwhile`);
        }),
      ),
    putBack: (host, modifyIndex) =>
      queued(host, async () => {
        if (host.held === undefined) return false;
        const written = await writeHostRecord(consul, host.held.record, modifyIndex);
        host.held = written ?? host.held;
        return written !== undefined;
      }),
    erase: (host) =>
      queued(host, async () => {
        await deleteHostRecord(consul, host);
        await consul.kvDelete(`${REFUSAL_KEYS}${host.site}/${host.host}`);
        host.held = undefined;
      }),
  };
}
