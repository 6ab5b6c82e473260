import type { Login } from './consul.ts';
import { ConsulDenied } from './errors.ts';
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

export async function logout(transport: Transport, secretId: string): Promise<void> {
  try {
    await transport.send({ method: 'POST', path: '/acl/logout', token: secretId, repeatable: true });
  } catch (error) {
    // The only denial without a named permission that a token's own logout can meet: the token is gone.
    if (!(error instanceof ConsulDenied && /does not know the token/.test(error.message))) throw error;
  }
}
