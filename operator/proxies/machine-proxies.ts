import { equal } from '../../mesh/equal.ts';
import type { MachineReport } from '../../mesh/outside/machine-report.ts';
import type { Moment, Refusal } from '../../mesh/proxies/refusals.ts';
import { standingOf } from '../../mesh/traffic/holder.ts';
import type { ProxyBook } from './proxy-book.ts';
import type { Proxy } from './proxy.ts';
import { meshKey } from './proxy-scopes.ts';
import type { World } from '../world/world.ts';

export interface MachineProxiesOptions {
  world: Pick<World, 'meshServices'>;
  book: ProxyBook;
  now: () => Moment;
  /** The part of a proxy that conditions show is another now. */
  onChange: (proxy: Proxy) => void;
}

export interface MachineProxies {
  /** Whether the reports were read at least once. */
  areRead(): boolean;
  has(key: string): boolean;
  /** Keys of those of a MeshService. */
  of(scope: string): string[];
  /** Judges again after a change, which may have taken a refused update back. */
  judge(key: string): void;
  /** The reports of all machines; a machine without a report refuses nothing. */
  hear(reports: MachineReport[]): void;
  /** A MeshService was made, for which reports may wait. */
  hearAgain(): void;
}

/** The Envoys on machines, for which their bridges speak. */
export function machineProxies({ world, book, now, onChange }: MachineProxiesOptions): MachineProxies {
  const machines = new Map<string, { proxy: Proxy; refusals: Refusal[] }>();
  let areRead = false;
  /** Reports that name a service without a MeshService: it may be made later. */
  let unmatched: MachineReport[] = [];

  function judge(key: string): void {
    const { proxy, refusals } = machines.get(key)!;
    const view = book.view(key);
    book.told(proxy, refusals, now());
    if (!equal(view, book.view(key))) onChange(proxy);
  }

  function hear(reports: MachineReport[]): void {
    areRead = true;
    unmatched = [];
    const before = new Map(machines);
    machines.clear();
    for (const report of reports) {
      for (const { id, service, refusals } of report.proxies) {
        const wanting = world.meshServices.by('service', service);
        const held = wanting.find(({ status }) => standingOf(service, status) === 'holds') ?? wanting[0];
        if (held === undefined) {
          unmatched = reports;
          continue;
        }
        const key = `machine ${report.site}/${report.host} ${id}`;
        const calls = held.meshService?.spec.upstreams.map((upstream) => upstream.service) ?? [];
        const proxy = { key, name: `${id} on machine ${report.site}/${report.host}`, scope: meshKey(held), calls };
        const atMs = Date.parse(report.at);
        machines.set(key, { proxy, refusals: refusals.map((one) => ({ words: undefined, atMs, ...one })) });
        judge(key);
      }
    }
    for (const [key, { proxy }] of before) {
      if (machines.has(key)) continue;
      book.forget(key);
      onChange(proxy);
    }
  }

  return {
    areRead: () => areRead,
    has: (key) => machines.has(key),
    of: (scope) => [...machines.values()].flatMap(({ proxy }) => (proxy.scope === scope ? [proxy.key] : [])),
    judge,
    hear,
    hearAgain: () => {
      if (unmatched.length > 0) hear(unmatched);
    },
  };
}
