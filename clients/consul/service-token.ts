import { type KeyObject, createPrivateKey, sign } from 'node:crypto';

/**
 * A JWT that says "this is SERVICE", for Consul's JWT auth method. Its one binding rule (BindType service, BindName
 * ${value.service}) turns it into a token with that service identity, so the holder of the key needs no `acl:write`.
 */
export interface ServiceJwtInput {
  /** PKCS#8 PEM of an EC P-256 key. */
  signingKeyPem: string;
  issuer: string;
  service: string;
  /** More claims, each the name of a service that a binding rule of its own makes an identity of. Default: none. */
  claims?: Record<string, string>;
  /** Seconds since the epoch. */
  nowSeconds: number;
  /** Default 60: it is used once, at once. */
  lifetimeSeconds?: number;
}

export const JWT_AUDIENCE = 'consul';

export function serviceJwt(input: ServiceJwtInput): string {
  const key: KeyObject = createPrivateKey(input.signingKeyPem);
  const claims = {
    ...input.claims,
    iss: input.issuer,
    aud: JWT_AUDIENCE,
    sub: input.service,
    service: input.service,
    // Clocks of this pod and of the server may differ a little.
    iat: input.nowSeconds - 30,
    nbf: input.nowSeconds - 30,
    exp: input.nowSeconds + (input.lifetimeSeconds ?? 60),
  };
  const body = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(body), { key, dsaEncoding: 'ieee-p1363' });
  return `${body}.${signature.toString('base64url')}`;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
