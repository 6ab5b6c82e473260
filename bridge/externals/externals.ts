import type { Clock } from '../../base/clock.ts';
import type { ExternalRequest } from '../../mesh/outside/bridge-api.ts';
import { bridgeOwner, externalNode } from '../../mesh/names/names.ts';
import { SINCE_META, externalNodeEntry } from './node.ts';
import type { NodeWriter } from '../node-writer.ts';
import { createPool } from '../../base/pool.ts';
import type { Probe, ProbeResult } from '../../checks/external.ts';

/** A sidecar-less instance under active check. */
export interface External {
  name: string;
  wanted: ExternalRequest;
  /** The newest result. Consul is written only when the health changes. */
  latest: ProbeResult;
}

/** All sidecar-less instances of a bridge, and the checks of them. */
export interface Externals {
  get(site: string, name: string): External | undefined;
  all(): External[];
  /** Checks it once, writes it, and goes on checking. Gives the problems of the write, as NodeWriter.want does. */
  put(name: string, wanted: ExternalRequest): Promise<string[]>;
  /** Goes on checking what an earlier life of the bridge registered. */
  resume(name: string, wanted: ExternalRequest): void;
  /** Ends the checks and takes it out of Consul; it stays known until it is forgotten, so that this can be repeated. */
  stop(site: string, name: string): Promise<string[]>;
  forget(site: string, name: string): void;
  /** Ends all checks. */
  close(): void;
}

export interface ExternalsOptions {
  writer: Pick<NodeWriter, 'want' | 'wanted'>;
  probe: Probe;
  clock: Clock;
  random: () => number;
  /** Checks under way at a time. Default 64. */
  maxInFlight?: number;
}

interface Checked extends External {
  /** Ends the checks of this registration. */
  stop: AbortController;
}

const NOT_CHECKED: ProbeResult = { health: 'critical', output: 'not checked yet' };
const JITTER = 0.1;

export function createExternals(options: ExternalsOptions): Externals {
  const { writer, probe, clock, random } = options;
  const pool = createPool(options.maxInFlight ?? 64);
  const externals = new Map<string, Checked>();
  const keyOf = (site: string, name: string): string => `${site}/${name}`;

  const check = async (external: Checked): Promise<void> => {
    const { signal } = external.stop;
    const result = await pool.run(() => probe(external.wanted, signal));
    if (!signal.aborted) external.latest = result;
  };

  /** The wanted state in Consul: the output of the result that last changed the health, so that a flip is the only write. */
  function write(external: Checked): Promise<string[]> {
    const { name, wanted, latest } = external;
    const node = externalNode(wanted.site, name);
    const before = writer.wanted(node);
    const now = before?.registrations[name]?.checks[0];
    // A registration of an earlier version holds no time. It is not written again for that.
    const since = before === undefined ? new Date(clock.now()).toISOString() : before.Meta[SINCE_META];
    const told = now?.Status === latest.health ? { health: now.Status, output: now.Output } : latest;
    return writer.want(node, bridgeOwner(wanted.site, name), externalNodeEntry(name, wanted, told, since));
  }

  async function checkLoop(external: Checked): Promise<void> {
    const { signal } = external.stop;
    while (!signal.aborted) {
      const jitter = 1 - JITTER + 2 * JITTER * random();
      await clock.wait(external.wanted.check.intervalMs * jitter, signal);
      if (signal.aborted) return;
      await check(external);
      // A replaced or removed registration stops writing.
      if (!signal.aborted) await write(external);
    }
  }

  function enter(name: string, wanted: ExternalRequest, latest: ProbeResult): Checked {
    const key = keyOf(wanted.site, name);
    externals.get(key)?.stop.abort();
    const external: Checked = { name, wanted, latest, stop: new AbortController() };
    externals.set(key, external);
    return external;
  }

  return {
    get: (site, name) => externals.get(keyOf(site, name)),
    all: () => [...externals.values()],
    async put(name, wanted) {
      const external = enter(name, wanted, externals.get(keyOf(wanted.site, name))?.latest ?? NOT_CHECKED);
      await check(external);
      if (external.stop.signal.aborted) return [];
      void checkLoop(external);
      return write(external);
    },
    resume(name, wanted) {
      const now = writer.wanted(externalNode(wanted.site, name))?.registrations[name]?.checks[0];
      const latest = now === undefined ? NOT_CHECKED : { health: now.Status, output: now.Output };
      void checkLoop(enter(name, wanted, latest));
    },
    stop(site, name) {
      externals.get(keyOf(site, name))?.stop.abort();
      return writer.want(externalNode(site, name), bridgeOwner(site, name), undefined);
    },
    forget: (site, name) => void externals.delete(keyOf(site, name)),
    close() {
      for (const { stop } of externals.values()) stop.abort();
    },
  };
}
