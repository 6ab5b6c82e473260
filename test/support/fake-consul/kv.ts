import { randomUUID } from 'node:crypto';
import { demand } from './permission.ts';
import { FakeRefusal, type FakeReply, type FakeRequest, type FakeState, ok } from './state.ts';

/** /v1/kv/:key */
export function kv(state: FakeState, request: FakeRequest): FakeReply {
  const key = request.path.slice(1).join('/');
  demand(state, request.token, 'key', key, request.method === 'GET' ? 'read' : 'write');
  if (request.method === 'GET') return read(state, key, request.query['recurse'] !== undefined);
  return request.method === 'PUT' ? write(state, key, request) : remove(state, key, request.query['cas']);
}

function read(state: FakeState, key: string, recurse: boolean): FakeReply {
  const found = [...state.kv.values()].filter((entry) => (recurse ? entry.Key.startsWith(key) : entry.Key === key));
  return found.length === 0 ? { status: 404, body: '' } : ok(structuredClone(found));
}

function write(state: FakeState, key: string, { query, body }: FakeRequest): FakeReply {
  const held = state.kv.get(key);
  const { cas, acquire, release } = query;
  state.index++;
  if (cas !== undefined && Number(cas) !== (held?.ModifyIndex ?? 0)) return ok(false);
  if (acquire !== undefined) {
    if (!state.sessions.has(acquire)) throw new FakeRefusal(500, `invalid session "${acquire}"`);
    if (held?.Session !== undefined && held.Session !== acquire) return ok(false);
  }
  if (release !== undefined && held?.Session !== release) return ok(false);
  const Value = (body as Buffer).toString('base64');
  const Session = acquire ?? (release === undefined ? held?.Session : undefined);
  state.kv.set(key, { Key: key, Value, ModifyIndex: state.index, Session });
  return ok(true);
}

function remove(state: FakeState, key: string, cas: string | undefined): FakeReply {
  const held = state.kv.get(key);
  state.index++;
  if (cas !== undefined && held !== undefined && Number(cas) !== held.ModifyIndex) return ok(false);
  state.kv.delete(key);
  return ok(true);
}

/** /v1/session/create, /renew/:id, /destroy/:id. Time does not pass in the fake: a TTL never ends. */
export function session(state: FakeState, { path, token }: FakeRequest): FakeReply {
  const [, verb, id = ''] = path;
  demand(state, token, 'session', 'server-1', 'write');
  if (verb === 'renew') {
    return state.sessions.has(id) ? ok([{ ID: id }]) : { status: 404, body: `Session id '${id}' not found` };
  }
  state.index++;
  if (verb === 'create') {
    const created = randomUUID();
    state.sessions.add(created);
    return ok({ ID: created });
  }
  state.sessions.delete(id);
  for (const entry of state.kv.values()) if (entry.Session === id) delete entry.Session;
  return ok(true);
}
