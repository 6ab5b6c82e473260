/**
 * An invite lets one machine join as instances of one service at one site. It travels as one pasteable word:
 * `lb1.` + base64url of the JSON below. The secret is spent once; the bridge keeps only its SHA-256.
 */
export interface Invite {
  /** Bridge addresses, `host:port`. */
  bridges: string[];
  /** SHA-256 of the bridge CA certificate (DER), hex. The agent trusts it on first contact. */
  caFingerprint: string;
  /** Names the record that the bridge keeps. */
  id: string;
  /** 256 bits, base64url. */
  secret: string;
  service: string;
  site: string;
}

/** The record of the bridge in Consul KV at `landbridge/invites/<site>/<id>`; spent by deleting it with check-and-set. */
export interface InviteRecord {
  secretSha256: string;
  service: string;
  site: string;
  /** RFC 3339. */
  expiresAt: string;
}

const PREFIX = 'lb1.';

export const encodeInvite = (invite: Invite): string => PREFIX + base64url(JSON.stringify(invite));

/** undefined when the word is not an invite, or is cut short. */
export function decodeInvite(word: string): Invite | undefined {
  if (!word.startsWith(PREFIX)) return undefined;
  try {
    const invite = JSON.parse(Buffer.from(word.slice(PREFIX.length).trim(), 'base64url').toString('utf8')) as Invite;
    const complete = Array.isArray(invite.bridges) && [invite.caFingerprint, invite.id, invite.secret].every(Boolean);
    return complete ? invite : undefined;
  } catch {
    return undefined;
  }
}

const base64url = (text: string): string => Buffer.from(text, 'utf8').toString('base64url');
