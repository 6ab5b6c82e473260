import type { RenewAnswer, renewRequest } from '../../mesh/outside/bridge-api.ts';
import type { z } from 'zod';
import type { HostCall } from '../api/call.ts';
import { readCertificateRequest } from '../certificates/request.ts';
import { newestFirst } from '../hosts/host-record.ts';

/**
 * POST /v1/renew: a new certificate, for the same key or a new one. Takes a certificate that has run out, so that a
 * machine that was off for a week comes back by itself: the key proves it, and a revoked key is refused all the same.
 * The key before stays good until the new one has been renewed in its turn, in case this answer is lost.
 */
export async function renew({
  bridge,
  host,
  body,
  peer,
}: HostCall<'authority' | 'clock' | 'hosts' | 'log', z.output<typeof renewRequest>>): Promise<RenewAnswer> {
  const key = await readCertificateRequest(body.csr);
  const used = peer.kind === 'host' ? peer.fingerprint : key.fingerprint;
  if (host.held?.record.keys[0] !== key.fingerprint) {
    await bridge.hosts.change(host, (record) => ({ ...record, keys: newestFirst([used], key.fingerprint) }));
  }
  const certificate = await bridge.authority.issueHost(host, key.csr, bridge.clock.now());
  bridge.log.info({ site: host.site, host: host.host }, 'host certificate renewed');
  return { certificate, bridgeCa: bridge.authority.caPem };
}
