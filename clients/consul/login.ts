import type { Login } from './consul.ts';
import { ConsulDenied, ConsulRefused } from './errors.ts';
import type { Transport } from './transport.ts';

interface RawToken {
  AccessorID: string;
  SecretID: string;
  ExpirationTime?: string;
}

export async function login(
  transport: Transport,
  method: string,
  jwt: string,
  meta: Record<string, string> = {},
): Promise<Login> {
  const body = { AuthMethod: method, BearerToken: jwt, Meta: meta };
  // Not repeatable: each login makes a token.
  const reply = await transport.send({ method: 'POST', path: '/acl/login', body, token: '', secrets: [jwt] });
  const raw = reply.body as RawToken;
  return { accessorId: raw.AccessorID, secretId: raw.SecretID, expiresAt: raw.ExpirationTime };
}

/** Consul answers in these two ways for a token that is not there, and denies in other words what a token may not do. */
const isUnknown = (error: unknown): boolean =>
  (error instanceof ConsulDenied && /does not know the token/.test(error.message)) ||
  (error instanceof ConsulRefused && /token does not exist: ACL not found/.test(error.message));

export async function logout(transport: Transport, secretId: string): Promise<void> {
  try {
    await transport.send({ method: 'POST', path: '/acl/logout', token: secretId, repeatable: true });
  } catch (error) {
    // It is gone already.
    if (!isUnknown(error)) throw error;
  }
}

/** Asked with the token itself, since nobody else may: https://developer.hashicorp.com/consul/api-docs/acl/tokens#read-self-acl-token */
export async function knowsToken(transport: Transport, secretId: string): Promise<boolean> {
  try {
    await transport.send({ method: 'GET', path: '/acl/token/self', token: secretId });
    return true;
  } catch (error) {
    if (isUnknown(error)) return false;
    throw error;
  }
}
