import type { JoinAnswer, JoinRequest } from '../../mesh/outside/bridge-api.ts';
import type { HostIdentity } from '../certificates/authority.ts';
import type { Bridge } from '../api/bridge.ts';
import type { Call } from '../api/call.ts';
import { type RequestedKey, readCertificateRequest, shortFingerprint } from '../certificates/request.ts';
import { type HostRecord, newestFirst } from '../hosts/host-record.ts';
import type { Host } from '../hosts/hosts.ts';
import { knownHost } from '../api/identify.ts';
import { type OpenInvite, findInvite, returnInvite, secretFits, spendInvite } from '../invites/invites.ts';
import type { Peer } from '../api/peer.ts';
import { Refusal, type RefusalCode } from '../refusal.ts';
import { requireAdmitted } from '../api/require-admitted.ts';

/** The parts of the bridge that this touches. */
type Parts =
  | 'advertise'
  | 'authority'
  | 'clock'
  | 'consul'
  | 'consulAccess'
  | 'failedJoins'
  | 'hosts'
  | 'leaseMs'
  | 'leases'
  | 'log'
  | 'meshServices';

/** Only these are limited. An invite whose secret fits is never held up by what others do from the same address. */
const GUESSES: RefusalCode[] = ['inviteUnknown', 'inviteWrongSecret'];

/**
 * POST /v1/join: spends an invite.
 *
 * | host name at the site | proof                                | what                                      |
 * |-----------------------|--------------------------------------|-------------------------------------------|
 * | not known             | the invite                           | joins                                     |
 * | known                 | its certificate, or a csr of its key | the service is added                      |
 * | known                 | neither                              | refused, both keys named                  |
 * | revoked               | an invite made since, and a new key  | joins anew                                |
 * | known, same invite    | a csr of its key                     | answered again: the first answer was lost |
 */
export async function join(call: Call<Parts, JoinRequest>): Promise<JoinAnswer> {
  const { bridge, remoteAddress } = call;
  try {
    return await joinOnce(call);
  } catch (error) {
    if (error instanceof Refusal && GUESSES.includes(error.code)) bridge.failedJoins.note(remoteAddress);
    throw error;
  }
}

async function joinOnce({ bridge, body, peer }: Call<Parts, JoinRequest>): Promise<JoinAnswer> {
  const key = await readCertificateRequest(body.csr);
  const again = answeredBefore(bridge, body, key);
  if (again !== undefined) return answer(bridge, again, again.held!.record.lastInvite.service, key);

  const invite = await findInvite(bridge.consul, body.invite, bridge.clock.now());
  const identity = { site: invite.site, host: body.host };
  requireAdmitted(bridge, invite.service, invite.site);
  const attempt = { identity, peer, invite, key };
  requireOwnName(attempt);
  requireSameMachine(bridge, attempt, bridge.hosts.get(identity)?.held?.record);
  await spendInvite(bridge.consul, invite);
  const host = await saveJoin(bridge, attempt);
  bridge.leases.heard(host);
  bridge.log.info({ ...identity, service: invite.service, key: shortFingerprint(key.fingerprint) }, 'host joined');
  return answer(bridge, host, invite.service, key);
}

interface Attempt {
  identity: HostIdentity;
  peer: Peer;
  invite: OpenInvite;
  key: RequestedKey;
}

/** Two machines of one name can come this far at once. The first record gets the name, and the other machine gets a refusal. */
async function saveJoin(bridge: Pick<Bridge, Parts>, attempt: Attempt): Promise<Host> {
  const { identity, invite } = attempt;
  const known = bridge.hosts.get(identity);
  const host = known ?? bridge.hosts.add(identity, bridge.clock.steady());
  try {
    await bridge.hosts.save(host, (record) => {
      requireSameMachine(bridge, attempt, record);
      return joined(record, attempt, bridge.clock.now());
    });
  } catch (error) {
    // A refusal is sure to have written nothing. After any other failure it may have, and then the invite is spent.
    if (error instanceof Refusal) {
      await returnInvite(bridge.consul, invite).catch((err: unknown) =>
        bridge.log.warn({ err, ...identity }, 'an unused invite could not be put back'),
      );
    }
    if (known === undefined && host.held === undefined) bridge.hosts.remove(host);
    throw error;
  }
  // A name that was given again belongs to no machine yet.
  host.claim = host.held?.record.claim;
  return host;
}

/** The host that spent this very invite with this very key. */
function answeredBefore(
  bridge: Pick<Bridge, Parts>,
  { invite, host }: JoinRequest,
  key: RequestedKey,
): Host | undefined {
  return bridge.hosts.all().find((known) => {
    const record = known.held?.record;
    return (
      record?.host === host &&
      record.revokedAt === undefined &&
      record.lastInvite.id === invite.id &&
      secretFits(invite.secret, record.lastInvite.secretSha256) &&
      record.keys.includes(key.fingerprint)
    );
  });
}

/** A client certificate is of a host, and joins as no other. */
function requireOwnName({ identity, peer }: Attempt): void {
  if (peer.kind !== 'host') return;
  if (peer.host !== identity.host) {
    throw new Refusal('hostMismatch', `the client certificate is that of host "${peer.host}": join as that host`);
  }
  if (peer.site !== identity.site) {
    throw new Refusal(
      'siteMismatch',
      `host "${peer.host}" is of site "${peer.site}", and the invite is for site "${identity.site}": ask for one with --site ${peer.site}`,
    );
  }
}

function requireSameMachine(
  bridge: Pick<Bridge, Parts>,
  { identity, peer, invite, key }: Attempt,
  record: HostRecord | undefined,
): void {
  if (record === undefined) return;
  const who = `host "${identity.host}" of site "${identity.site}"`;
  if (record.revokedAt !== undefined) {
    const late = Date.parse(invite.createdAt) > Date.parse(record.revokedAt);
    if (late && !record.keys.includes(key.fingerprint)) return;
    throw new Refusal(
      'hostRevoked',
      `${who} was revoked at ${record.revokedAt}: it needs a new key (remove its state folder) and an invite made since`,
    );
  }
  if (record.keys.includes(key.fingerprint)) return;
  if (peer.kind === 'host' && knownHost(bridge, peer) !== undefined) return;
  throw new Refusal(
    'hostKnown',
    `${who} is joined already, since ${record.joinedAt}, under key ${shortFingerprint(record.keys[0]!)}, and this is key ${shortFingerprint(key.fingerprint)}: join under another host name, or revoke the old one first (landbridge vm revoke ${identity.host} --site ${identity.site}) and ask for a new invite`,
  );
}

function joined(record: HostRecord | undefined, { identity, invite, key }: Attempt, nowMs: number): HostRecord {
  const lastInvite = { id: invite.id, secretSha256: invite.secretSha256, service: invite.service };
  if (record === undefined || record.revokedAt !== undefined) {
    const joinedAt = new Date(nowMs).toISOString();
    return { ...identity, services: [invite.service], keys: [key.fingerprint], joinedAt, lastInvite };
  }
  return {
    ...record,
    services: [...new Set([...record.services, invite.service])].sort(),
    keys: newestFirst(record.keys, key.fingerprint),
    lastInvite,
  };
}

async function answer(
  bridge: Pick<Bridge, Parts>,
  host: Host,
  service: string,
  key: RequestedKey,
): Promise<JoinAnswer> {
  const { authority, clock, advertise, leaseMs, consulAccess } = bridge;
  return {
    host: host.host,
    site: host.site,
    service,
    certificate: await authority.issueHost(host, key.csr, clock.now()),
    bridgeCa: authority.caPem,
    bridges: advertise,
    leaseMs,
    consul: consulAccess,
  };
}
