import type { InviteAnswer, InviteRequest } from '../../mesh/outside/bridge-api.ts';
import { encodeInvite } from '../../mesh/outside/invite.ts';
import type { Call } from '../api/call.ts';
import { installOf } from '../invites/install.ts';
import { createInvite } from '../invites/invites.ts';
import { requireAdmitted } from '../api/require-admitted.ts';

/** The parts of the bridge that this touches. */
type Parts = 'advertise' | 'authority' | 'clock' | 'consul' | 'log' | 'meshServices' | 'vmFiles';

/** POST /v1/invites: refused when no MeshService admits the site, rather than when the machine joins. */
export async function invite({ bridge, body }: Call<Parts, InviteRequest>): Promise<InviteAnswer> {
  const { service, site, ttlSeconds } = body;
  requireAdmitted(bridge, service, site);
  const install = await installOf(bridge);
  const made = await createInvite(bridge.consul, { service, site, ttlMs: ttlSeconds * 1000 }, bridge.clock.now());
  bridge.log.info({ service, site, invite: made.id, expiresAt: made.expiresAt }, 'invite made');
  return {
    invite: encodeInvite({
      bridges: bridge.advertise,
      caFingerprint: bridge.authority.caFingerprint,
      id: made.id,
      secret: made.secret,
      service,
      site,
    }),
    expiresAt: made.expiresAt,
    ...(install && { install: { bridges: bridge.advertise, sha256: install.sha256, inviteInFile: true } }),
  };
}
