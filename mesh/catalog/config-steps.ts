import { CONFIG_KINDS, type ConfigEntry, configKey, EDGE_KINDS, GATEWAY_KINDS, type HeldConfig } from './entry.ts';
import { equal } from '../equal.ts';
import type { ConfigChange } from './plan.ts';
import { joinsOthers, withoutOthers } from './joins.ts';

/** Kinds of the gateways, whose walks have the order between names. */
const OTHER_KINDS = [...EDGE_KINDS, ...GATEWAY_KINDS];

type Kind = ConfigEntry['Kind'];
/** The entries of one name at a point of the way; `written` = by an earlier step, with an index that Consul gave it. */
type Held = Partial<Record<Kind, { entry: ConfigEntry; modifyIndex: number | 'written' }>>;
type Wanted = Partial<Record<Kind, ConfigEntry>>;

/**
 * The writes that lead from the config entries held to those wanted, in an order in which every state between is one
 * that Consul takes and that serves every request. One service name at a time:
 *
 * | step | write                                             | because                                                       |
 * |------|---------------------------------------------------|---------------------------------------------------------------|
 * | 1    | service-defaults, unless they become tcp          | they are the claim; routers and splitters need http           |
 * | 2    | service-resolver with old and new subsets         | a splitter or router may name a subset only while it is there |
 * | 3    | service-splitter, service-router: set             |                                                               |
 * | 4    | service-router, service-splitter: remove          | the router may lead to the splitter                           |
 * | 5    | service-intentions: set or remove                 | http permissions come after http, and go before it does       |
 * | 6    | service-resolver as it is wanted, or remove       | now nobody names the old subsets                              |
 * | 7    | service-defaults that become tcp, or remove       | the claim is the last to go                                   |
 *
 * Services that are joined by a route, a split or a fail over have to have one protocol, so a change of protocol goes
 * round by a state that is joined to no other service. Each change carries what was there before it, so that a refused
 * step can be undone.
 */
export function configSteps(held: Record<string, HeldConfig>, wanted: Record<string, ConfigEntry>): ConfigChange[] {
  const kept = new Set(Object.values(wanted).map(({ Name }) => Name));
  const names = new Set([...Object.values(held).map(({ entry }) => entry.Name), ...kept]);
  // Names that are given up come first, so a renamed entry is never there twice.
  const order = [...names].sort((a, b) => Number(kept.has(a)) - Number(kept.has(b)) || (a < b ? -1 : 1));
  return order.flatMap((Name) => {
    const pick = <T>(from: Record<string, T>): Partial<Record<Kind, T>> =>
      Object.fromEntries(
        [...CONFIG_KINDS, ...OTHER_KINDS].flatMap((Kind) => {
          const found = from[configKey({ Kind, Name })];
          return found === undefined ? [] : [[Kind, found]];
        }),
      );
    return wayOf(pick(held), pick(wanted));
  });
}

function wayOf(held: Held, wanted: Wanted): ConfigChange[] {
  const stops: Wanted[] = [];
  const now: Wanted = Object.fromEntries(Object.entries(held).map(([kind, { entry }]) => [kind, entry]));
  const [before, after] = [now, wanted].map((state) => state['service-defaults']?.['Protocol']);
  if (before !== undefined && after !== undefined && before !== after) {
    if (joinsOthers(now)) stops.push(withoutOthers(now));
    if (joinsOthers(wanted)) stops.push(withoutOthers(wanted));
  }
  const changes: ConfigChange[] = [];
  let at = held;
  for (const stop of [...stops, wanted]) {
    const steps = stepsOf(at, stop).map((change) =>
      stop !== wanted && change.op === 'set-config' ? { ...change, passing: true as const } : change,
    );
    changes.push(...steps);
    at = steps.reduce(afterStep, at);
  }
  return changes;
}

function afterStep(held: Held, change: ConfigChange): Held {
  if (change.op === 'set-config')
    return { ...held, [change.entry.Kind]: { entry: change.entry, modifyIndex: 'written' } };
  const { [change.kind]: _gone, ...rest } = held;
  return rest;
}

function stepsOf(held: Held, wanted: Wanted): ConfigChange[] {
  const set = (kind: Kind): ConfigChange[] => {
    const [was, entry] = [held[kind], wanted[kind]];
    if (entry === undefined || (was !== undefined && equal(was.entry, entry))) return [];
    return [{ op: 'set-config', entry, modifyIndex: was?.modifyIndex ?? 0, before: was?.entry }];
  };
  const remove = (kind: Kind): ConfigChange[] => {
    const was = held[kind];
    if (was === undefined || wanted[kind] !== undefined) return [];
    return [{ op: 'delete-config', kind, name: was.entry.Name, modifyIndex: was.modifyIndex, before: was.entry }];
  };
  const down = wanted['service-defaults']?.['Protocol'] === 'tcp' && held['service-defaults'] !== undefined;
  const resolver = resolverSteps(held['service-resolver'], wanted['service-resolver'], set('service-resolver'));
  return [
    ...(down ? [] : set('service-defaults')),
    ...resolver.first,
    ...set('service-splitter'),
    ...set('service-router'),
    ...remove('service-router'),
    ...remove('service-splitter'),
    ...set('service-intentions'),
    ...remove('service-intentions'),
    ...resolver.last,
    ...remove('service-resolver'),
    ...(down ? set('service-defaults') : remove('service-defaults')),
    ...OTHER_KINDS.flatMap(set),
    ...OTHER_KINDS.flatMap(remove),
  ];
}

/** One write where no subset goes; else one with the subsets of both, and at the end the wanted one. */
function resolverSteps(
  held: Held[Kind],
  wanted: ConfigEntry | undefined,
  plain: ConfigChange[],
): { first: ConfigChange[]; last: ConfigChange[] } {
  if (held === undefined || wanted === undefined || plain.length === 0) return { first: plain, last: [] };
  const partsOf = (entry: ConfigEntry, field: 'Subsets' | 'Failover') =>
    (entry[field] ?? {}) as Record<string, unknown>;
  const gone = Object.keys(partsOf(held.entry, 'Subsets')).filter((name) => !(name in partsOf(wanted, 'Subsets')));
  if (gone.length === 0) return { first: plain, last: [] };
  const Subsets = { ...partsOf(held.entry, 'Subsets'), ...partsOf(wanted, 'Subsets') };
  const Failover = { ...partsOf(held.entry, 'Failover'), ...partsOf(wanted, 'Failover') };
  const wide: ConfigEntry = { ...wanted, Subsets, ...(Object.keys(Failover).length === 0 ? {} : { Failover }) };
  const { modifyIndex, entry: before } = held;
  const first: ConfigChange[] = equal(before, wide)
    ? []
    : [{ op: 'set-config', entry: wide, modifyIndex, before, passing: true }];
  const last = first.length === 0 ? modifyIndex : ('written' as const);
  return { first, last: [{ op: 'set-config', entry: wanted, modifyIndex: last, before: wide }] };
}
