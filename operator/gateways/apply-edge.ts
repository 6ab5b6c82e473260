import type { Consul } from '../../clients/consul/consul.ts';
import { EDGE_KINDS } from '../../mesh/catalog/entry.ts';
import { type Change, type Outcome, describeChange } from '../../mesh/catalog/plan.ts';

/**
 * Writes the changes of the edge gateway, kind after kind. One change that Consul refuses holds up no other: routes of
 * different MeshServices have nothing to do with each other. Returns one outcome for each change.
 */
export async function applyEdge(consul: Pick<Consul, 'apply'>, changes: Change[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const stage of stagesOf(changes)) {
    const together = await consul.apply(stage);
    const alone = together.every(({ ok }) => ok) || stage.length === 1 ? [] : together.filter(({ ok }) => !ok);
    outcomes.push(...together.filter((outcome) => !alone.includes(outcome)));
    // Consul puts a whole stage back when it refuses one change of it.
    for (const { change } of alone) outcomes.push(...(await consul.apply([change])));
  }
  return outcomes;
}

/** The sentence of the first failure that is not a route's own; undefined without one. */
export const edgeFailure = (outcomes: Outcome[]): string | undefined => {
  const failed = outcomes.find((outcome) => !outcome.ok && refusedRoute(outcome) === undefined);
  return failed === undefined || failed.ok ? undefined : `${describeChange(failed.change)}: ${failed.error}`;
};

/** The name of a route that Consul refuses. */
export const refusedRoute = (outcome: Outcome): string | undefined =>
  !outcome.ok && outcome.change.op === 'set-config' && outcome.change.entry.Kind === 'http-route'
    ? outcome.change.entry.Name
    : undefined;

const KINDS = ['service-defaults', ...EDGE_KINDS] as const;

/** Certificates, the gateway that names them, the routes that name it. A certificate goes after the last entry that names it. */
function stagesOf(changes: Change[]): Change[][] {
  const sets = KINDS.map((kind) =>
    changes.filter((change) => change.op === 'set-config' && change.entry.Kind === kind),
  );
  const removes = KINDS.map((kind) =>
    changes.filter((change) => change.op === 'delete-config' && change.kind === kind),
  );
  const rest = changes.filter(({ op }) => op !== 'set-config' && op !== 'delete-config');
  return [rest, ...sets, ...removes.toReversed()].filter((stage) => stage.length > 0);
}
