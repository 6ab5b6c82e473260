import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Consul, KvEntry } from '../../clients/consul/consul.ts';
import type { InviteRecord } from '../../mesh/outside/invite.ts';
import { Refusal } from '../refusal.ts';

/** `createdAt`: an invite made before a host was revoked does not let that host back in. */
export interface OpenInvite extends InviteRecord {
  id: string;
  /** RFC 3339. */
  createdAt: string;
  key: string;
  modifyIndex: number;
}

type Kv = Pick<Consul, 'kvGet' | 'kvList' | 'kvCas' | 'kvDelete'>;

const PREFIX = 'landbridge/invites/';
const MAX_OPEN = 1000;
const ADVICE = 'ask for a new one (landbridge vm invite)';

/** Makes an invite, and sweeps out expired ones. The secret is in the answer and nowhere else. */
export async function createInvite(
  consul: Kv,
  wanted: { service: string; site: string; ttlMs: number },
  nowMs: number,
): Promise<{ id: string; secret: string; expiresAt: string }> {
  const open = await sweep(consul, nowMs);
  if (open >= MAX_OPEN) {
    throw new Refusal('tooMany', `${open} invites are open: wait until some are used or expire`);
  }
  const id = randomBytes(16).toString('base64url');
  const secret = randomBytes(32).toString('base64url');
  const expiresAt = new Date(nowMs + wanted.ttlMs).toISOString();
  const record: InviteRecord & { createdAt: string } = {
    secretSha256: sha256(secret),
    service: wanted.service,
    site: wanted.site,
    expiresAt,
    createdAt: new Date(nowMs).toISOString(),
  };
  const made = await consul.kvCas(`${PREFIX}${id}`, JSON.stringify(record), 0);
  if (!made) throw new Refusal('changedMeanwhile', 'the invite could not be stored: try again');
  return { id, secret, expiresAt };
}

/**
 * The open invite of that id and secret. Each way to fail has its own sentence; a sender without the id (128 random bits) learns nothing, and the secret is compared in constant time.
 */
export async function findInvite(
  consul: Kv,
  given: { id: string; secret: string },
  nowMs: number,
): Promise<OpenInvite> {
  const entry = ID.test(given.id)
    ? ((await consul.kvGet(`${PREFIX}${given.id}`)) ?? (await earlier(consul, given.id)))
    : undefined;
  const invite = entry && parse(entry, given.id);
  if (invite === undefined) {
    throw new Refusal('inviteUnknown', `the invite is not known, was used already, or has expired: ${ADVICE}`);
  }
  if (!secretFits(given.secret, invite.secretSha256)) {
    throw new Refusal('inviteWrongSecret', `the invite is cut short or was changed: paste it whole, or ${ADVICE}`);
  }
  if (Date.parse(invite.expiresAt) <= nowMs) {
    throw new Refusal('inviteExpired', `the invite expired at ${invite.expiresAt}: ${ADVICE}`);
  }
  return invite;
}

const ID = /^[\w-]{16,64}$/;

const keysOfEarlier = new WeakMap<Kv, Promise<Map<string, string>>>();

/**
 * A bridge of an earlier version has put its invites below their sites. This bridge lists them once in its life, because
 * no further ones are made there. So a guessed id costs one read of a key.
 */
async function earlier(consul: Kv, id: string): Promise<KvEntry | undefined> {
  let keys = keysOfEarlier.get(consul);
  if (keys === undefined) {
    keys = consul
      .kvList(PREFIX)
      .then(
        (list) =>
          new Map(list.flatMap(({ key }) => (key.includes('/', PREFIX.length) ? [[key.split('/').at(-1)!, key]] : []))),
      );
    keysOfEarlier.set(consul, keys);
    keys.catch(() => keysOfEarlier.delete(consul));
  }
  const key = (await keys).get(id);
  return key === undefined ? undefined : consul.kvGet(key);
}

/** Exactly one of several that try at once gets past this. */
export async function spendInvite(consul: Kv, invite: OpenInvite): Promise<void> {
  if (!(await consul.kvDelete(invite.key, invite.modifyIndex))) {
    throw new Refusal('inviteSpent', `the invite was used by another host just now: ${ADVICE}`);
  }
}

/** Puts back an invite that was spent for nothing, so that its rightful host can still use it. */
export async function returnInvite(consul: Kv, invite: OpenInvite): Promise<void> {
  const { secretSha256, service, site, expiresAt, createdAt } = invite;
  await consul.kvCas(invite.key, JSON.stringify({ secretSha256, service, site, expiresAt, createdAt }), 0);
}

export const secretFits = (secret: string, secretSha256: string): boolean => {
  const given = Buffer.from(sha256(secret));
  const held = Buffer.from(secretSha256);
  return given.length === held.length && timingSafeEqual(given, held);
};

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Deletes the invites that have expired; gives the number of those left. */
async function sweep(consul: Kv, nowMs: number): Promise<number> {
  const entries = await consul.kvList(PREFIX);
  const expired = entries.filter((entry) => {
    const invite = parse(entry, '');
    return invite === undefined || Date.parse(invite.expiresAt) <= nowMs;
  });
  for (const { key, modifyIndex } of expired) await consul.kvDelete(key, modifyIndex);
  return entries.length - expired.length;
}

function parse({ key, value, modifyIndex }: KvEntry, id: string): OpenInvite | undefined {
  try {
    const record = JSON.parse(value) as InviteRecord & { createdAt: string };
    const whole = [record.secretSha256, record.service, record.site, record.expiresAt, record.createdAt];
    if (!whole.every((field) => typeof field === 'string')) return undefined;
    return { ...record, id, key, modifyIndex };
  } catch {
    return undefined;
  }
}
