import { name as nameSchema } from '../../mesh/bridge-api.ts';
import type { Call } from '../call.ts';
import { deleteExternalRecord } from '../external-record.ts';
import { Refusal } from '../refusal.ts';
import { refuseUnwritten } from '../refuse-unwritten.ts';
import { requireName } from './register.ts';

/** The answer to DELETE /v1/external/:name. */
export interface DeregisterAnswer {
  name: string;
  site: string;
}

/** DELETE /v1/external/:name?site=SITE (default `external`): the record last, so that nothing is left that nobody knows of. */
export async function deregister({ bridge, name, query }: Call): Promise<DeregisterAnswer> {
  requireName(name);
  const site = query.get('site') ?? 'external';
  if (!nameSchema.safeParse(site).success) throw new Refusal('badRequest', 'site: not the name of a site');
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
