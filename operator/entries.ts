import type { Consul } from '../clients/consul/consul.ts';
import type { Transport } from '../clients/consul/transport.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { CONFIG_KINDS } from '../mesh/catalog/entry.ts';
import { type EntryWatch, watchEntries } from './foreign/entry-watch.ts';
import { type ForeignBook, foreignBook } from './foreign/foreign-book.ts';
import { keepMeshWide } from './foreign/mesh-wide.ts';
import type { OperatorMetrics } from './observe/metrics.ts';
import { MESH_WIDE, OF_GATEWAYS } from './proxies/proxies.ts';

export interface EntriesOptions {
  /** See LeadOptions. */
  patient: Transport | undefined;
  consul: Pick<Consul, 'readConfig' | 'apply'>;
  cluster: string;
  anyGateway: boolean;
  metrics: Pick<OperatorMetrics, 'foreignWrites'>;
  signal: AbortSignal;
  log: Log;
}

/** The one watch of config entries, the memory of changes by others, and the repair of entries that no MeshService has. */
export function followEntries(options: EntriesOptions): { entries: EntryWatch | undefined; foreign: ForeignBook } {
  const { patient, consul, cluster, anyGateway, metrics, signal, log } = options;
  const foreign = foreignBook(systemClock);
  if (patient === undefined) return { entries: undefined, foreign };
  const kinds = [...CONFIG_KINDS, ...MESH_WIDE, ...(anyGateway ? OF_GATEWAYS : [])];
  const entries = watchEntries(kinds, { transport: patient, clock: systemClock, random: Math.random, signal, log });
  keepMeshWide({
    entries,
    consul,
    cluster,
    book: foreign,
    onPutRight: (kind) => metrics.foreignWrites.inc({ kind }),
    clock: systemClock,
    signal,
    log,
  });
  return { entries, foreign };
}
