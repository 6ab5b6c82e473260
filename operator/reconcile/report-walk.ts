import { RACED } from '../../clients/consul/writing/config-write.ts';
import type { Log } from '../../base/log.ts';
import { consulName } from '../../crds/mesh-service.ts';
import { REASONS } from '../../crds/reasons.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import { meshServiceOwner } from '../../mesh/names/names.ts';
import {
  type Change,
  type Outcome,
  type Plan,
  describeChange,
  foreignWrites,
  isNewClaim,
} from '../../mesh/catalog/plan.ts';
import { nameInUse } from '../../mesh/status/synced.ts';
import type { ForeignBook } from '../foreign/foreign-book.ts';
import type { OperatorMetrics } from '../observe/metrics.ts';

export interface ReportParts {
  foreign: Pick<ForeignBook, 'putRight'>;
  metrics: OperatorMetrics;
  /** Publishes an Event; never fails. */
  publish: (intent: Intent, type: 'Normal' | 'Warning', reason: string, message: string) => void;
  /** The entries of this MeshService were lost by Consul, not by us. */
  onLost: (intent: Intent) => void;
  log: Log;
}

/** Tells log, metrics and Events what a walk has written, met and lost. */
export type Report = (intent: Intent, plan: Plan, outcomes: Outcome[]) => void;

export function reportWalk({ metrics, log, publish, onLost, foreign }: ReportParts): Report {
  return (intent, plan, outcomes) => {
    for (const outcome of outcomes) {
      metrics.changes.inc({ op: outcome.change.op, result: outcome.ok ? 'ok' : 'error' });
      const fields = { meshService: `${intent.namespace}/${intent.name}`, change: describeChange(outcome.change) };
      if (outcome.ok) log.info(fields, 'changed');
      else log.warn({ ...fields, problem: outcome.error }, 'change refused');
    }
    for (const { what, owner, reason = 'NameOwnedByAnother' } of plan.conflicts) {
      const service = intent.meshService && consulName(intent.meshService);
      const taken = `${what} in Consul belongs to ${owner}; nothing of it was touched`;
      publish(intent, 'Warning', reason, reason === 'NameInUse' ? nameInUse(intent, service, what) : taken);
    }
    const owner = meshServiceOwner(intent.cluster, intent.namespace, intent.name);
    const others = foreignWrites(plan, outcomes, owner);
    for (const change of others) {
      metrics.foreignWrites.inc({ kind: change.kind });
      const { told, contested, begins } = foreign.putRight(`${intent.namespace}/${intent.name}`, change);
      const what = `${told.entry}, ${told.writer}`;
      if (!contested) publish(intent, 'Warning', 'ForeignEntry', `${REASONS.ForeignEntry} (${what})`);
      // One Event for the whole contest, not one for each round.
      else if (begins) publish(intent, 'Warning', 'EntryContested', `${REASONS.EntryContested} (${what})`);
    }
    const failed = outcomes.find((outcome) => !outcome.ok);
    // A lost race is run again soon; the entry of the winner gets an Event once it is put right.
    if (failed !== undefined && !failed.ok && !failed.error.endsWith(RACED))
      publish(intent, 'Warning', 'ConsulRefused', failed.error);
    const claimed = outcomes.find(({ ok, change }) => ok && isNewClaim(change))?.change;
    if (claimed === undefined || others.some(({ kind }) => kind === 'service-defaults')) return;
    if (wasHeld(intent, claimed)) onLost(intent);
    else publish(intent, 'Normal', 'Synced', 'registered in Consul');
  };
}

/** This MeshService held the claim before, by its status, and had to make it again: Consul has lost it. */
const wasHeld = ({ meshService }: Intent, claim: Change): boolean =>
  claim.op === 'set-config' && meshService?.status?.consul?.service === claim.entry.Name;
