import type { Bridge } from './bridge.ts';
import { shortFingerprint } from '../certificates/request.ts';
import type { Host } from '../hosts/hosts.ts';
import type { Peer } from './peer.ts';
import { Refusal } from '../refusal.ts';
import type { Who } from './route.ts';

/** Holds a route's demand on who may call it. Gives the host for routes of hosts. Throws a Refusal. */
export function identify(
  bridge: Pick<Bridge, 'adminKeys' | 'clock' | 'hosts'>,
  who: Who,
  peer: Peer,
): Host | undefined {
  if (who === 'anyone') return undefined;
  if (peer.kind === 'nobody') {
    const what = who === 'admin' ? 'the certificate of the Secret landbridge-bridge-admin' : 'the one that join gave';
    throw new Refusal('certificateNeeded', `a client certificate is needed: use ${what}`);
  }
  if (who !== 'host+' && peer.notAfterMs <= bridge.clock.now()) {
    const remedy =
      peer.kind === 'host' ? 'renew it (POST /v1/renew)' : 'docs/troubleshooting.md, "Run the bootstrap job again"';
    throw new Refusal('certificateExpired', `the client certificate has run out: ${remedy}`);
  }
  if (peer.kind === 'admin' && bridge.adminKeys?.()?.includes(peer.fingerprint) === false) {
    throw new Refusal(
      'certificateUnknown',
      'this certificate of an admin was replaced: use that of the Secret landbridge-bridge-admin as it is now',
    );
  }
  if (who === 'member' && peer.kind === 'admin') return undefined;
  if (who === 'admin') {
    if (peer.kind === 'admin') return undefined;
    throw new Refusal(
      'adminOnly',
      'only an admin may do this: use the certificate of the Secret landbridge-bridge-admin',
    );
  }
  if (peer.kind !== 'host') {
    throw new Refusal('hostOnly', 'only a host may do this: use the certificate that join gave');
  }
  return knownHost(bridge, peer);
}

/** The host of a certificate, when it is known, not revoked, and the key is (still) its own. Throws a Refusal. */
export function knownHost(bridge: Pick<Bridge, 'hosts'>, peer: Extract<Peer, { kind: 'host' }>): Host {
  const host = bridge.hosts.get(peer);
  const record = host?.held?.record;
  if (host === undefined || record === undefined) {
    throw new Refusal(
      'hostUnknown',
      `host "${peer.host}" of site "${peer.site}" is not joined (any more): join it again with a new invite`,
    );
  }
  if (record.revokedAt !== undefined && record.keys.includes(peer.fingerprint)) {
    throw new Refusal(
      'hostRevoked',
      `host "${peer.host}" of site "${peer.site}" was revoked at ${record.revokedAt}: its key may not come back; join with a new key and a new invite`,
    );
  }
  if (!record.keys.includes(peer.fingerprint)) {
    const [given, known] = [shortFingerprint(peer.fingerprint), shortFingerprint(record.keys[0]!)];
    throw new Refusal(
      'keyUnknown',
      `host "${peer.host}" of site "${peer.site}" goes by key ${known} and this is key ${given}: it was joined again or renewed since; use its newest certificate`,
    );
  }
  return host;
}
