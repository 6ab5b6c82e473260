import type { Consul } from '../../clients/consul/consul.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { type ConfigEntry, OWNER_META, configKey } from '../../mesh/catalog/entry.ts';
import { clusterOwner } from '../../mesh/names/names.ts';
import { proxyDefaults, proxyDefaultsToWrite } from '../../mesh/catalog/proxy-defaults.ts';
import type { EntryWatch } from './entry-watch.ts';
import type { ForeignBook } from './foreign-book.ts';

export interface MeshWideOptions {
  entries: EntryWatch;
  consul: Pick<Consul, 'readConfig' | 'apply'>;
  cluster: string;
  book: Pick<ForeignBook, 'putRight' | 'pauseMs'>;
  /** An entry of another hand was put right. */
  onPutRight: (kind: ConfigEntry['Kind']) => void;
  clock: Clock;
  signal: AbortSignal;
  log: Log;
}

/** No MeshService has this key. */
const KEY = '';
const AGAIN_MS = 1000;

/**
 * Puts proxy-defaults right while they are ours: the bootstrap job writes them into servers of our own only, and an earlier entry of another hand stays. They work on every proxy, so they are watched as the entries of MeshServices are.
 */
export function keepMeshWide(options: MeshWideOptions): void {
  const { entries, consul, cluster, book, onPutRight, clock, signal, log } = options;
  const owner = clusterOwner(cluster);
  const { Kind, Name } = proxyDefaults(owner);
  /** This process has seen them with our mark. */
  let wereOurs = false;
  let busy = false;
  let again = false;

  async function putRight(): Promise<void> {
    const held = await consul.readConfig(Kind, Name);
    const isOurs = held?.entry.Meta[OWNER_META] === owner;
    const entry = proxyDefaultsToWrite(held?.entry, owner, wereOurs);
    const wasSeen = wereOurs;
    wereOurs ||= isOurs;
    if (entry === undefined) return;
    const [outcome] = await consul.apply([
      { op: 'set-config', entry, modifyIndex: held?.modifyIndex ?? 0, before: held?.entry },
    ]);
    if (outcome?.ok !== true) throw new Error(outcome?.error);
    // The first look may meet those of an earlier version of ours.
    if (!wasSeen) return;
    onPutRight(Kind);
    const { told, contested, begins } = book.putRight(KEY, { kind: Kind, name: Name, found: held?.entry });
    if (!contested || begins) log.warn({ entry: told.entry, writer: told.writer, contested }, 'put right in Consul');
  }

  async function look(): Promise<void> {
    again = true;
    if (busy) return;
    busy = true;
    while (again && !signal.aborted) {
      await clock.wait(book.pauseMs(KEY, configKey({ Kind, Name })), signal);
      again = false;
      try {
        await putRight();
      } catch (error) {
        if (signal.aborted) break;
        log.info({ problem: (error as Error).message }, 'proxy-defaults are not in order yet');
        again = true;
        await clock.wait(AGAIN_MS, signal);
      }
    }
    busy = false;
  }

  entries.follow(({ kind }) => {
    if (kind === Kind) void look();
  });
}
