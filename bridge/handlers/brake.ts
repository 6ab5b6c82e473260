import type { z } from 'zod';
import type { BrakeAnswer, brakeRequest } from '../../mesh/outside/bridge-api.ts';
import type { Call } from '../api/call.ts';
import { Refusal } from '../refusal.ts';

/** POST /v1/brake: people have looked, and the silent hosts of a site are dead (or will be). */
export function brake({ bridge, body }: Call<'hosts' | 'leases', z.output<typeof brakeRequest>>): Promise<BrakeAnswer> {
  const { site, releaseSeconds } = body;
  if (!bridge.hosts.all().some((host) => host.site === site)) {
    throw new Refusal('notFound', `no host has joined at site "${site}": landbridge vm list shows those that have`);
  }
  return Promise.resolve({ site, held: bridge.leases.release(site, releaseSeconds * 1000) });
}
