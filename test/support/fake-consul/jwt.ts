import { createPublicKey, verify } from 'node:crypto';
import { FakeRefusal, type Raw } from './state.ts';

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

/** Whether a rule is for these claims: terms `value.NAME == "TEXT"` and `!=`, joined by `and`, as the project writes them. */
export function selects(selector = '', claims: Raw, method: Raw): boolean {
  const terms = selector === '' ? [] : selector.split(' and ');
  return terms.every((term) => {
    const [, name = '', is, text] = /^value\.(\w+) (==|!=) "([^"]*)"$/.exec(term) ?? [];
    if (is === undefined) throw new FakeRefusal(500, `the fake cannot read the selector ${selector}`);
    return (mapped(name, claims, method) === text) === (is === '==');
  });
}

/** `${value.NAME}` in a binding rule's name, through the method's claim mappings. */
export function bind(name: string, claims: Raw, method: Raw): string {
  const bound = name.replace(/\$\{value\.(\w+)\}/g, (_, key: string) => mapped(key, claims, method) ?? '');
  if (bound === '') throw new FakeRefusal(500, 'invalid bind name: ""');
  return bound;
}

/** The result of a claim mapping: nothing for a missing claim, which `!=` finds different from any text. */
function mapped(name: string, claims: Raw, method: Raw): string | undefined {
  const mappings = (method as unknown as Method).Config.ClaimMappings ?? {};
  const claim = Object.keys(mappings).find((key) => mappings[key] === name);
  return claims[claim ?? ''] as string | undefined;
}
