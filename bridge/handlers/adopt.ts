import type { AdoptAnswer, AdoptRequest } from '../../mesh/outside/bridge-api.ts';
import { externalRequest } from '../../mesh/outside/bridge-api.ts';
import { adoption, adoptionPlan } from '../../mesh/outside/adoption.ts';
import type { Call } from '../api/call.ts';
import { Refusal } from '../refusal.ts';
import { refuseUnwritten } from '../api/refuse-unwritten.ts';
import { register, requireRegistration } from './register.ts';

/**
 * POST /v1/adopt: takes a registration over that a person made by hand. It is there under the bridge's care before it
 * goes where it was, so callers have it all the time.
 */
export async function adopt(
  call: Call<'consul' | 'externals' | 'log' | 'meshServices', AdoptRequest>,
): Promise<AdoptAnswer> {
  const { bridge, body } = call;
  const { node, id, site } = body;
  const found = (await bridge.consul.foundRegistrations(node)).find(({ service }) => service.ID === id);
  if (found === undefined) {
    throw new Refusal('notFound', `no registration "${id}" on node "${node}": landbridge vm list --all shows all`);
  }
  const made = adoption(found, body);
  if (typeof made === 'string') throw new Refusal('cannotAdopt', made);
  const wanted = externalRequest.safeParse(made.wanted);
  if (!wanted.success) {
    const [issue] = wanted.error.issues;
    throw new Refusal('cannotAdopt', `${issue!.path.join('.')} of "${id}" cannot be taken over: ${issue!.message}`);
  }
  const { name } = made;
  await requireRegistration(bridge, name, wanted.data);
  if (bridge.externals.get(site, name) !== undefined) {
    throw new Refusal('cannotAdopt', `"${name}" is registered at site "${site}" already: give --name another`);
  }
  const plan = adoptionPlan(found, made);
  if (body.planOnly) return { name, site, plan, done: false, health: found.health, output: found.output };

  const { health, output, problems } = await register({ ...call, body: wanted.data, name });
  refuseUnwritten(problems);
  const [gone] = await bridge.consul.apply([{ op: 'delete-service', node, id, service: found.service.Service }]);
  if (gone !== undefined && !gone.ok) refuseUnwritten([gone.error]);
  bridge.log.info({ node, id, name, site }, 'registration adopted');
  return { name, site, plan, done: true, health, output };
}
