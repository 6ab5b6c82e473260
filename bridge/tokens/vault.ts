import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Consul } from '../../clients/consul/consul.ts';
import type { HostIdentity } from '../certificates/authority.ts';

/** A Consul token that a host holds. */
export interface HeldToken extends HostIdentity {
  service: string;
  accessorId: string;
  secretId: string;
  /** RFC 3339. */
  expiresAt: string;
}

/**
 * Where a restarted bridge finds the tokens it has to end when their host is revoked: without `acl:write` a token can be
 * ended only by itself. In Consul KV at `landbridge/tokens/<accessor>`, sealed (AES-256-GCM) with a key made from the
 * bridge's signing key, so that who reads the KV has no token.
 */
export interface TokenVault {
  keep(token: HeldToken): Promise<void>;
  forget(accessorId: string): Promise<void>;
  /** Leaves out what was sealed with another key: it expires by itself. */
  list(): Promise<HeldToken[]>;
}

const PREFIX = 'landbridge/tokens/';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function openTokenVault(
  consul: Pick<Consul, 'kvList' | 'kvCas' | 'kvDelete'>,
  signingKeyPem: string,
): TokenVault {
  const key = Buffer.from(hkdfSync('sha256', signingKeyPem, '', 'landbridge bridge token vault', 32));
  return {
    async keep(token) {
      await consul.kvCas(PREFIX + token.accessorId, seal(key, token), 0);
    },
    async forget(accessorId) {
      await consul.kvDelete(PREFIX + accessorId);
    },
    async list() {
      return (await consul.kvList(PREFIX)).flatMap(({ value }) => unseal(key, value) ?? []);
    },
  };
}

function seal(key: Buffer, token: HeldToken): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  const body = Buffer.concat([cipher.update(JSON.stringify(token), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
}

function unseal(key: Buffer, text: string): HeldToken | undefined {
  try {
    const sealed = Buffer.from(text, 'base64');
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const body = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return JSON.parse(body.toString('utf8')) as HeldToken;
  } catch {
    return undefined;
  }
}
