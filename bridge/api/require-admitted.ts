import type { ServicePlan } from '../../mesh/outside/bridge-api.ts';
import { admit } from '../admission.ts';
import type { Bridge } from './bridge.ts';
import { Refusal } from '../refusal.ts';

/** The facts of the MeshService about `service`. Throws a Refusal when no MeshService admits the site, or none is known yet. */
export function requireAdmitted(bridge: Pick<Bridge, 'meshServices'>, service: string, site: string): ServicePlan {
  const admission = admit(bridge.meshServices, service, site);
  if (admission.kind === 'admitted') return admission.plan;
  if (admission.kind !== 'unknown') throw new Refusal('siteNotAdmitted', admission.message);
  throw new Refusal(
    'meshServicesUnknown',
    'the bridge has not read the MeshServices yet: try again; when it lasts, look at its log for the Kubernetes API',
  );
}
