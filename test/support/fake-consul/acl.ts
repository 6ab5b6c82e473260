import { randomUUID } from 'node:crypto';
import { bind, claimsOf, selects } from './jwt.ts';
import { demand, managementPolicy, tokenOf } from './permission.ts';
import {
  type FakeBindingRule,
  FakeRefusal,
  type FakeReply,
  type FakeRequest,
  type FakeState,
  type FakeToken,
  type Raw,
  ok,
} from './state.ts';

const missing = (what: string): FakeReply => ({ status: 404, body: `Requested ${what} does not exist: ACL not found` });

export function bootstrap(state: FakeState, { body }: FakeRequest): FakeReply {
  if (state.bootstrapped) {
    throw new FakeRefusal(403, 'Permission denied: ACL bootstrap no longer allowed (reset index: 12)');
  }
  state.bootstrapped = true;
  state.index++;
  const SecretID = (body as { BootstrapSecret: string }).BootstrapSecret;
  const token = newToken({
    SecretID,
    Description: 'Bootstrap Token (Global Management)',
    Policies: [managementPolicy],
  });
  state.tokens.set(SecretID, token);
  return ok(token);
}

const newToken = (given: Partial<FakeToken>): FakeToken => ({
  AccessorID: randomUUID(),
  SecretID: randomUUID(),
  Description: '',
  Policies: [],
  ServiceIdentities: [],
  ...given,
});

/** /v1/acl/policy..., /v1/acl/policies */
export function policy(state: FakeState, { method, path, body, token }: FakeRequest): FakeReply {
  demand(state, token, 'acl', '', method === 'GET' ? 'read' : 'write');
  if (path[1] === 'policies') return ok([{ ...managementPolicy, Description: '' }, ...state.policies.values()]);
  const id = path[2] === 'name' ? [...state.policies.values()].find((p) => p.Name === path[3])?.ID : path[2];
  const held = id === undefined ? undefined : state.policies.get(id);
  if (method === 'GET') return held === undefined ? missing('policy') : ok(structuredClone(held));
  if (method === 'DELETE') return ok(id !== undefined && state.policies.delete(id));
  const written = { ...(body as { Name: string; Description: string; Rules: string }), ID: id ?? randomUUID() };
  state.index++;
  state.policies.set(written.ID, written);
  return ok(written);
}

/** /v1/acl/token..., /v1/acl/tokens */
export function token(state: FakeState, request: FakeRequest): FakeReply {
  const { method, path, query, body } = request;
  if (path[2] === 'self') {
    const own = state.tokens.get(request.token);
    if (own === undefined) throw new FakeRefusal(403, 'token does not exist: ACL not found');
    return ok(structuredClone(own));
  }
  demand(state, request.token, 'acl', '', method === 'GET' ? 'read' : 'write');
  const all = [...state.tokens.values()];
  if (path[1] === 'tokens') {
    const method_ = query['authmethod'];
    return ok(structuredClone(all.filter((t) => method_ === undefined || t.AuthMethod === method_)));
  }
  const held = all.find((t) => t.AccessorID === path[2]);
  if (method === 'GET') {
    if (held === undefined) throw new FakeRefusal(403, 'token does not exist: ACL not found');
    return ok(structuredClone(held));
  }
  if (method === 'DELETE') {
    if (held === undefined) return { status: 404, body: 'Cannot find token to delete' };
    return ok(state.tokens.delete(held.SecretID));
  }
  const given = body as { AccessorID: string; SecretID: string; Description: string; Policies: { Name: string }[] };
  if (held !== undefined && held.SecretID !== given.SecretID) {
    throw new FakeRefusal(500, 'Changing a tokens SecretID is not permitted');
  }
  const Policies = given.Policies.map(({ Name }) => {
    const found = [...state.policies.values(), managementPolicy].find((p) => p.Name === Name);
    if (found === undefined) throw new FakeRefusal(500, `No such ACL policy with name "${Name}"`);
    return { ID: found.ID, Name };
  });
  state.index++;
  const written = newToken({ ...given, Policies });
  state.tokens.set(written.SecretID, written);
  return ok(written);
}

/** /v1/acl/auth-method... Deleting one ends the tokens it gave out. */
export function authMethod(state: FakeState, { method, path, body, token: secret }: FakeRequest): FakeReply {
  demand(state, secret, 'acl', '', method === 'GET' ? 'read' : 'write');
  const name = path[2] ?? (body as { Name: string }).Name;
  const held = state.authMethods.get(name);
  if (method === 'GET') return held === undefined ? missing('auth method') : ok(structuredClone(held));
  state.index++;
  if (method === 'PUT') {
    state.authMethods.set(name, body as Raw);
    return ok(body);
  }
  for (const held_ of [...state.tokens.values()]) if (held_.AuthMethod === name) state.tokens.delete(held_.SecretID);
  for (const [id, rule] of [...state.bindingRules]) if (rule.AuthMethod === name) state.bindingRules.delete(id);
  return ok(state.authMethods.delete(name));
}

/** /v1/acl/binding-rule..., /v1/acl/binding-rules */
export function bindingRule(state: FakeState, { method, path, query, body, token: secret }: FakeRequest): FakeReply {
  demand(state, secret, 'acl', '', method === 'GET' ? 'read' : 'write');
  if (path[1] === 'binding-rules') {
    return ok([...state.bindingRules.values()].filter((rule) => rule.AuthMethod === query['authmethod']));
  }
  state.index++;
  if (method === 'DELETE') return ok(state.bindingRules.delete(path[2]!));
  const written = { ...(body as FakeBindingRule), ID: path[2] ?? randomUUID() };
  state.bindingRules.set(written.ID, written);
  return ok(written);
}

export function login(state: FakeState, { body }: FakeRequest): FakeReply {
  const { AuthMethod, BearerToken } = body as { AuthMethod: string; BearerToken: string };
  const method = state.authMethods.get(AuthMethod);
  if (method === undefined) throw new FakeRefusal(403, `ACL not found: auth method "${AuthMethod}" not found`);
  const claims = claimsOf(BearerToken, method);
  const rules = [...state.bindingRules.values()].filter(
    (rule) => rule.AuthMethod === AuthMethod && selects(rule.Selector, claims, method),
  );
  const ServiceIdentities = rules
    .filter(({ BindType }) => BindType === 'service')
    .map((rule) => bind(rule.BindName, claims, method));
  if (ServiceIdentities.length === 0) throw new FakeRefusal(403, 'Permission denied');
  state.index++;
  const minutes = /^(\d+)m/.exec(String(method['MaxTokenTTL']))?.[1];
  const ExpirationTime = new Date(Date.now() + Number(minutes ?? 60) * 60_000).toISOString();
  const Description = 'token created via login';
  const made = newToken({ Description, ServiceIdentities, AuthMethod, ExpirationTime });
  state.tokens.set(made.SecretID, made);
  return ok(made);
}

export function logout(state: FakeState, { token: secret }: FakeRequest): FakeReply {
  const held = tokenOf(state, secret);
  if (held?.AuthMethod === undefined) throw new FakeRefusal(403, 'Permission denied: token was not created via login');
  state.index++;
  state.tokens.delete(secret);
  return ok(undefined);
}
