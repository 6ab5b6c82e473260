import type { z } from 'zod';
import type { RevokeAnswer, revokeRequest } from '../../mesh/outside/bridge-api.ts';
import type { Call } from '../api/call.ts';
import { Refusal } from '../refusal.ts';

/** The parts of the bridge that this touches. */
type Parts = 'clock' | 'connections' | 'hosts' | 'log' | 'tokens' | 'writer';

/** POST /v1/revoke: the record first, so that the host's next word is refused whatever happens then. */
export async function revoke({ bridge, body }: Call<Parts, z.output<typeof revokeRequest>>): Promise<RevokeAnswer> {
  const host = bridge.hosts.get(body);
  if (host?.held === undefined) {
    throw new Refusal(
      'notFound',
      `no host "${body.host}" has joined at site "${body.site}": landbridge vm list shows those that have`,
    );
  }
  const revokedAt = new Date(bridge.clock.now()).toISOString();
  await bridge.hosts.change(host, (record) => ({ ...record, revokedAt: record.revokedAt ?? revokedAt }));
  const written = bridge.writer.want(host.node, host.owner, undefined);
  bridge.tokens.end(host, () => true);
  const connections = bridge.connections.cut(host);
  bridge.log.warn({ site: host.site, host: host.host, connections }, 'host revoked');
  return { site: host.site, host: host.host, connections, problems: await written };
}
