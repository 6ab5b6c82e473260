import type { ConfigEntry } from './entry.ts';

type Entries = Partial<Record<ConfigEntry['Kind'], ConfigEntry>>;
type Target = { Service?: string };

const splitsOf = (entries: Entries) => (entries['service-splitter']?.['Splits'] ?? []) as Target[];
const routesOf = (entries: Entries) =>
  ((entries['service-router']?.['Routes'] ?? []) as { Destination?: Target }[]).map(
    ({ Destination }) => Destination ?? {},
  );
const failoverOf = (entries: Entries) =>
  (entries['service-resolver']?.['Failover'] ?? {}) as Record<string, { Targets?: Target[] }>;

const isOther = ({ Service }: Target): boolean => Service !== undefined;

/** Whether entries of a service send requests to another one: Consul then wants both to have the same protocol. */
export const joinsOthers = (entries: Entries): boolean =>
  [
    ...splitsOf(entries),
    ...routesOf(entries),
    ...Object.values(failoverOf(entries)).flatMap(({ Targets }) => Targets ?? []),
  ].some(isOther);

/** The same entries as far as they concern the service alone. A split or a router that joins goes as a whole. */
export function withoutOthers(entries: Entries): Entries {
  const { 'service-splitter': splitter, 'service-router': router, 'service-resolver': resolver, ...rest } = entries;
  return {
    ...rest,
    ...(splitter === undefined || splitsOf(entries).some(isOther) ? {} : { 'service-splitter': splitter }),
    ...(router === undefined || routesOf(entries).some(isOther) ? {} : { 'service-router': router }),
    ...(resolver === undefined ? {} : { 'service-resolver': lonely(resolver, failoverOf(entries)) }),
  };
}

function lonely(resolver: ConfigEntry, failover: Record<string, { Targets?: Target[] }>): ConfigEntry {
  const left = Object.entries(failover).flatMap(([from, { Targets = [] }]) => {
    const own = Targets.filter((target) => !isOther(target));
    return own.length === 0 ? [] : [[from, { Targets: own }] as const];
  });
  const { Failover: _failover, ...rest } = resolver;
  return left.length === 0 ? rest : { ...rest, Failover: Object.fromEntries(left) };
}
