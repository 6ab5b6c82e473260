import type { Consul } from '../../clients/consul/consul.ts';
import { serviceJwt } from '../../clients/consul/service-token.ts';
import { claimsOf } from '../../mesh/gateways/terminating.ts';
import { secretText } from '../../clients/kube/secret.ts';

/** Consul auth method, and issuer of the operator's JWTs. */
const OPERATOR_AUTH_METHOD = 'landbridge-operator';

/** When a sidecar's token was issued and when it ends: two RFC 3339 times with a slash between, the second may be `never`. */
export const ANNOTATION_LIFE = 'landbridge.dev/token-life';
const ANNOTATION_SERVICE = 'landbridge.dev/token-service';
export const TOKEN_KEY = 'token';

export interface Token {
  secretId: string;
  /** Names in Consul that it stands for, with spaces between: the service, then what a gateway stands for besides. */
  holds: string;
  issuedAtMs: number;
  expiresAtMs: number;
}

export interface LoginOptions {
  consul: Pick<Consul, 'login'>;
  signingKeyPem: () => string;
  nowMs: () => number;
}

/** A token that stands for `service`, and of the gateway for those of `links`. It ends by itself. */
export async function login(
  options: LoginOptions,
  service: string,
  links: readonly string[] | undefined,
): Promise<Token> {
  const now = options.nowMs();
  const jwt = serviceJwt({
    signingKeyPem: options.signingKeyPem(),
    issuer: OPERATOR_AUTH_METHOD,
    service,
    ...(links === undefined ? {} : { claims: claimsOf(links) }),
    nowSeconds: Math.floor(now / 1000),
  });
  const { secretId, expiresAt } = await options.consul.login(OPERATOR_AUTH_METHOD, jwt);
  const expiresAtMs = expiresAt === undefined ? Infinity : Date.parse(expiresAt);
  return { secretId, holds: holdsOf(service, links), issuedAtMs: now, expiresAtMs };
}

export const holdsOf = (service: string, links: readonly string[] = []): string => [service, ...links].join(' ');

/** Past half of its life, or issued under a clock that was ahead: nothing is known of such a life. */
export const isDue = ({ issuedAtMs, expiresAtMs }: Token, now: number): boolean =>
  now < issuedAtMs || now >= issuedAtMs + (expiresAtMs - issuedAtMs) / 2;

/** The facts in a Secret about its token. */
export const tokenAnnotations = ({ holds, issuedAtMs, expiresAtMs }: Token): Record<string, string> => ({
  [ANNOTATION_LIFE]: `${new Date(issuedAtMs).toISOString()}/${expiresAtMs === Infinity ? 'never' : new Date(expiresAtMs).toISOString()}`,
  [ANNOTATION_SERVICE]: holds,
});

export interface StoredToken {
  metadata: { annotations?: Record<string, string> };
  data?: Record<string, string>;
}

export function storedToken(secret: StoredToken): Token | undefined {
  const { annotations } = secret.metadata;
  const secretId = secretText(secret, TOKEN_KEY);
  const [issuedAt, expiresAt] = (annotations?.[ANNOTATION_LIFE] ?? '').split('/');
  const holds = annotations?.[ANNOTATION_SERVICE];
  if (!secretId || holds === undefined || !issuedAt || !expiresAt) return undefined;
  const expiresAtMs = expiresAt === 'never' ? Infinity : Date.parse(expiresAt);
  return { secretId, holds, issuedAtMs: Date.parse(issuedAt), expiresAtMs };
}
