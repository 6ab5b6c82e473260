import type { Desired, Intent } from '../service/desired.ts';
import { type ForeignChange, foreignVerdict } from '../foreign/verdict.ts';
import { type Verdict, verdict } from './condition.ts';
import { NAMESPACE } from '../installation/installation.ts';
import { mayClaimAnnotation } from '../names/names.ts';
import { type Outcome, type Plan, describeChange } from '../catalog/plan.ts';

/** The obstacles of a walk on its way to Consul. */
export interface Met {
  consulDown: string | undefined;
  clusterTaken?: string;
  foreign?: ForeignChange[] | undefined;
  tokenProblem: string | undefined;
}

/** The sentence of status and Event about a name that has instances already. */
export const nameInUse = (
  { namespace }: Pick<Intent, 'namespace'>,
  service: string | undefined,
  instance: string,
): string =>
  `the name ${service ?? ''} has an instance in Consul already that no MeshService stands for (${instance}); nothing of it was touched. Deregister it, give spec.service another name, or let an administrator allow it: kubectl annotate namespace ${NAMESPACE} ${mayClaimAnnotation(namespace)}=${service ?? ''}`;

/** Whether Consul holds the state that the MeshService asks for. */
export function syncedVerdict(intent: Intent, desired: Desired, plan: Plan, outcomes: Outcome[], seen: Met): Verdict {
  if (seen.consulDown !== undefined) return verdict('Unknown', 'ConsulUnavailable', seen.consulDown);
  if (seen.clusterTaken !== undefined) return verdict('False', 'ClusterNameTaken', seen.clusterTaken);
  const conflict = plan.conflicts[0];
  if (conflict?.reason === 'NameInUse')
    return verdict('False', 'NameInUse', nameInUse(intent, desired.service, conflict.what));
  if (conflict !== undefined) {
    return verdict(
      'False',
      'NameOwnedByAnother',
      `${conflict.what} in Consul belongs to ${conflict.owner === 'unmarked' ? 'somebody who left no owner mark' : conflict.owner}; nothing of it was touched. Give spec.service another name, or remove the other owner's entry`,
    );
  }
  const contest = foreignVerdict((seen.foreign ?? []).filter(({ contested }) => contested));
  if (contest !== undefined) return contest;
  const failed = outcomes.find((outcome) => !outcome.ok);
  if (failed !== undefined && !failed.ok) {
    return verdict('False', 'ConsulRefused', `${describeChange(failed.change)}: ${failed.error}`);
  }
  if (seen.tokenProblem !== undefined) return verdict('False', 'TokenUnavailable', seen.tokenProblem);
  const problem = desired.problems[0];
  if (problem !== undefined) return verdict('False', problem.reason, problem.message);
  return verdict('True', 'Synced');
}
