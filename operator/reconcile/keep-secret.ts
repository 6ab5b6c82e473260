import { type Outcome, type Plan, isNewClaim } from '../../mesh/catalog/plan.ts';
import type { Intent } from '../../mesh/service/desired.ts';
import { targetOf } from '../sidecar-secret/secret-target.ts';
import type { SidecarSecrets } from '../sidecar-secret/sidecar-secret.ts';

/** The part of a walk that says whether the MeshService holds its name. */
export interface Claimed {
  plan: Pick<Plan, 'conflicts'>;
  outcomes: readonly Outcome[];
  error: Error | undefined;
}

/**
 * Keeps the sidecars' Secret, with a token for `service`. A token for a name goes only to the holder of the name: not before
 * the claim; and after a conflict, token and Secret end. Gives the sentence about a failure.
 */
export async function keepSecret(
  secrets: Pick<SidecarSecrets, 'keep' | 'remove'>,
  intent: Intent,
  service: string | undefined,
  { plan, outcomes, error }: Claimed,
): Promise<string | undefined> {
  const meshService = intent.meshService!;
  const isUnclaimed = outcomes.some(({ ok, change }) => !ok && isNewClaim(change));
  try {
    if (plan.conflicts.length > 0) await secrets.remove(intent.namespace, intent.name);
    else if (error === undefined && !isUnclaimed && meshService.spec.workloads.pods !== undefined)
      await secrets.keep(targetOf(meshService, intent.pods, service));
    return undefined;
  } catch (failure) {
    return (failure as Error).message;
  }
}
