import { createPublicKey, verify } from 'node:crypto';
import { FakeRefusal, type Raw } from './fake-consul-state.ts';

interface Method {
  Config: {
    JWTValidationPubKeys: string[];
    BoundIssuer?: string;
    BoundAudiences?: string[];
    ClaimMappings?: Record<string, string>;
  };
}

/** The claims of an ES256 JWT that the auth method accepts: its signature, issuer, audience and time are checked. */
export function claimsOf(jwt: string, method: Raw): Raw {
  const { Config } = method as unknown as Method;
  const [header = '', payload = '', signature = ''] = jwt.split('.');
  const refuse = (why: string): never => {
    throw new FakeRefusal(500, why);
  };
  const signed = Config.JWTValidationPubKeys.some((pem) =>
    verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    ),
  );
  if (!signed) refuse('no known key successfully validated the token signature');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Raw;
  const audiences = [claims['aud']].flat();
  const now = Date.now() / 1000;
  if (Config.BoundIssuer !== undefined && claims['iss'] !== Config.BoundIssuer) refuse('invalid issuer (iss) claim');
  if (Config.BoundAudiences?.some((audience) => audiences.includes(audience)) === false) refuse('invalid audience');
  if (Number(claims['exp']) < now || Number(claims['nbf']) > now + 60) refuse('token is expired');
  return claims;
}

/** `${value.NAME}` in a binding rule's name, by way of the method's claim mappings. */
export function bind(name: string, claims: Raw, method: Raw): string {
  const mappings = (method as unknown as Method).Config.ClaimMappings ?? {};
  return name.replace(/\$\{value\.(\w+)\}/g, (_, mapped: string) => {
    const claim = Object.keys(mappings).find((key) => mappings[key] === mapped);
    return String(claims[claim ?? '']);
  });
}
