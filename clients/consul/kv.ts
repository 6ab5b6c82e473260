import { compare } from './reading/compare.ts';
import type { KvEntry } from './consul.ts';
import { readAll } from './reading/read.ts';
import { refusal } from './refusal.ts';
import type { Transport } from './transport.ts';

interface RawKv {
  Key: string;
  /** Base64; null when empty. */
  Value: string | null;
  ModifyIndex: number;
  Session?: string;
}

const kvPath = (key: string): string => `/kv/${key.split('/').map(encodeURIComponent).join('/')}`;

const kvEntry = (raw: RawKv): KvEntry => ({
  key: raw.Key,
  value: Buffer.from(raw.Value ?? '', 'base64').toString('utf8'),
  modifyIndex: raw.ModifyIndex,
  session: raw.Session,
});

export async function kvGet(transport: Transport, key: string): Promise<KvEntry | undefined> {
  const reply = await readAll(transport, kvPath(key), { accept: [404] });
  const found = reply.status === 404 ? undefined : (reply.body as RawKv[])[0];
  return found && kvEntry(found);
}

export async function kvList(transport: Transport, prefix: string): Promise<KvEntry[]> {
  const reply = await readAll(transport, kvPath(prefix), { query: { recurse: '' }, accept: [404] });
  if (reply.status === 404) return [];
  return (reply.body as RawKv[]).map(kvEntry).sort((a, b) => compare(a.key, b.key));
}

async function put(transport: Transport, key: string, value: string, query: Record<string, string | number>) {
  // Never sent twice: the second would lose against the first and report a lost race that was won.
  const reply = await transport.send({ method: 'PUT', path: kvPath(key), query, body: Buffer.from(value) });
  return reply.body === true;
}

export const kvCas = (transport: Transport, key: string, value: string, modifyIndex: number): Promise<boolean> =>
  put(transport, key, value, { cas: modifyIndex });

export const kvAcquire = (transport: Transport, key: string, value: string, session: string): Promise<boolean> =>
  put(transport, key, value, { acquire: session });

/** The value stays: Consul would replace it by the body of the request, so it is sent along. */
export async function kvRelease(transport: Transport, key: string, session: string): Promise<boolean> {
  const held = await kvGet(transport, key);
  if (held === undefined || held.session !== session) return false;
  return put(transport, key, held.value, { release: session });
}

export async function kvDelete(transport: Transport, key: string, modifyIndex?: number): Promise<boolean> {
  if (modifyIndex !== undefined) return deleteOnce(transport, key, modifyIndex);
  const reply = await transport.send({ method: 'DELETE', path: kvPath(key), repeatable: true });
  return reply.body === true;
}

/**
 * Consul's own delete with ?cas says true to whoever comes second as well, because the key is gone then too. A thing
 * that may be spent once, such as an invite, needs a delete that only one can win: check-index fails on a missing key.
 */
async function deleteOnce(transport: Transport, key: string, modifyIndex: number): Promise<boolean> {
  const body = [{ KV: { Verb: 'check-index', Key: key, Index: modifyIndex } }, { KV: { Verb: 'delete', Key: key } }];
  const reply = await transport.send({ method: 'PUT', path: '/txn', body, accept: [409] });
  if (reply.status !== 409) return true;
  const [error] = (reply.body as { Errors: { What: string }[] }).Errors;
  if (/^failed (to check index,|index check for key)/.test(error?.What ?? '')) return false;
  throw refusal(`deleting key ${key}`, 409, error?.What ?? '');
}

export async function createSession(transport: Transport, name: string, ttlSeconds: number): Promise<string> {
  // The session depends on its renewals alone, and on the health of no node. No lock delay, since a holder stops at its TTL.
  const body = { Name: name, TTL: `${ttlSeconds}s`, Behavior: 'release', LockDelay: '0s', NodeChecks: [] };
  const reply = await transport.send({ method: 'PUT', path: '/session/create', body });
  return (reply.body as { ID: string }).ID;
}

export async function renewSession(transport: Transport, id: string): Promise<boolean> {
  const path = `/session/renew/${encodeURIComponent(id)}`;
  const reply = await transport.send({ method: 'PUT', path, accept: [404], repeatable: true });
  return reply.status !== 404;
}

export async function destroySession(transport: Transport, id: string): Promise<void> {
  await transport.send({ method: 'PUT', path: `/session/destroy/${encodeURIComponent(id)}`, repeatable: true });
}
