import type { z } from 'zod';
import type { DeregisterAnswer, deregisterQuery } from '../../mesh/outside/bridge-api.ts';
import type { Call } from '../api/call.ts';
import { deleteExternalRecord } from '../externals/record.ts';
import { Refusal } from '../refusal.ts';
import { refuseUnwritten } from '../api/refuse-unwritten.ts';

/** DELETE /v1/external/:name?site=SITE (default `external`): the record last, so that nothing is left that nobody knows of. */
export async function deregister({
  bridge,
  name,
  query: { site },
}: Call<'consul' | 'externals' | 'log', undefined, z.output<typeof deregisterQuery>>): Promise<DeregisterAnswer> {
  if (bridge.externals.get(site, name) === undefined) {
    throw new Refusal(
      'notFound',
      `no sidecar-less instance "${name}" at site "${site}": landbridge vm list --all shows those there are`,
    );
  }
  refuseUnwritten(await bridge.externals.stop(site, name));
  await deleteExternalRecord(bridge.consul, site, name);
  bridge.externals.forget(site, name);
  bridge.log.info({ name, site }, 'sidecar-less instance deregistered');
  return { name, site };
}
