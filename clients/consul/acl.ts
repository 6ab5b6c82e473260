import type { AclAuthMethod, AclBindingRule, AclToken, ConsulAcl } from './consul.ts';
import { ConsulDenied, ConsulRefused, ConsulUnavailable } from './errors.ts';
import { readAll } from './reading/read.ts';
import type { Transport } from './transport.ts';

interface RawPolicy {
  ID: string;
  Name: string;
  Description: string;
  Rules: string;
}
interface RawToken {
  AccessorID: string;
  SecretID: string;
  Description: string;
  Policies?: { ID: string; Name: string }[] | null;
  AuthMethod?: string;
  ExpirationTime?: string;
}
interface RawBindingRule {
  ID: string;
  Description: string;
  AuthMethod: string;
  Selector: string;
  BindType: AclBindingRule['bindType'];
  BindName: string;
}

export function aclOf(transport: Transport): ConsulAcl {
  const read = async <T>(path: string, query: Record<string, string> = {}): Promise<T | undefined> => {
    try {
      return (await readAll(transport, path, { query })).body as T;
    } catch (error) {
      // A missing object is a 404 for most kinds and a 403 for tokens. refusal() treats both alike.
      if (error instanceof ConsulRefused && error.status === 404) return undefined;
      throw error;
    }
  };
  const write = async <T>(path: string, body: object, secrets: string[] = []): Promise<T> =>
    (await transport.send({ method: 'PUT', path, body, secrets })).body as T;

  /** Consul answers 404 for its own unknown token too, so a 404 counts only while the token is known. */
  const remove = async (path: string): Promise<boolean> => {
    const reply = await transport.send({ method: 'DELETE', path, accept: [404], repeatable: true });
    if (reply.status === 404) await transport.send({ method: 'GET', path: '/acl/policies' });
    return reply.status !== 404;
  };

  const policyNamed = (name: string): Promise<RawPolicy | undefined> =>
    read(`/acl/policy/name/${encodeURIComponent(name)}`);
  const rulesOf = async (authMethod: string): Promise<RawBindingRule[]> =>
    (await read<RawBindingRule[]>('/acl/binding-rules', { authmethod: authMethod })) ?? [];

  return {
    async bootstrap(secretId) {
      const body = { BootstrapSecret: secretId };
      try {
        await transport.send({ method: 'PUT', path: '/acl/bootstrap', body, token: '', secrets: [secretId] });
        return 'done';
      } catch (error) {
        if (error instanceof ConsulDenied && /bootstrap no longer allowed/i.test(error.message)) return 'already';
        // From its first leader a server takes a moment until the built-in policy is there.
        if (error instanceof ConsulRefused && /No such policy with ID|legacy mode/.test(error.message)) {
          throw new ConsulUnavailable('Consul is still setting up its ACLs; try again in a moment');
        }
        throw error;
      }
    },

    async upsertPolicy({ name, description, rules }) {
      const held = await policyNamed(name);
      if (held?.Description === description && held.Rules === rules) return { id: held.ID };
      const body = { Name: name, Description: description, Rules: rules };
      const { ID } = await write<RawPolicy>(held ? `/acl/policy/${held.ID}` : '/acl/policy', body);
      return { id: ID };
    },

    async upsertToken({ accessorId, secretId, description, policies }) {
      const held = await read<RawToken>(`/acl/token/${encodeURIComponent(accessorId)}`);
      const wanted = [...policies].sort().join();
      const names = (held?.Policies ?? []).map((policy) => policy.Name);
      if (held?.SecretID === secretId && held.Description === description && names.sort().join() === wanted) return;
      const Policies = policies.map((Name) => ({ Name }));
      const body = { AccessorID: accessorId, SecretID: secretId, Description: description, Policies };
      await write(held ? `/acl/token/${accessorId}` : '/acl/token', body, [secretId]);
    },

    async upsertAuthMethod(method: AclAuthMethod) {
      const path = `/acl/auth-method/${encodeURIComponent(method.name)}`;
      const body = {
        Name: method.name,
        Type: method.type,
        Description: method.description ?? '',
        MaxTokenTTL: method.maxTokenTtl,
        Config: method.config,
      };
      await write((await read(path)) ? path : '/acl/auth-method', body);
    },

    async upsertBindingRule(rule) {
      const held = (await rulesOf(rule.authMethod)).find((other) => other.Description === rule.description);
      const body = {
        Description: rule.description,
        AuthMethod: rule.authMethod,
        Selector: rule.selector,
        BindType: rule.bindType,
        BindName: rule.bindName,
      };
      const path = held ? `/acl/binding-rule/${held.ID}` : '/acl/binding-rule';
      return { id: (await write<RawBindingRule>(path, body)).ID };
    },

    async listPolicies(prefix = '') {
      const all = (await read<RawPolicy[]>('/acl/policies')) ?? [];
      return all.filter((raw) => raw.Name.startsWith(prefix)).map((raw) => ({ id: raw.ID, name: raw.Name }));
    },

    async listTokens({ authMethod, policy } = {}) {
      const query: Record<string, string> = authMethod === undefined ? {} : { authmethod: authMethod };
      const all = (await read<RawToken[]>('/acl/tokens', query)) ?? [];
      return all.map(aclToken).filter((token) => policy === undefined || token.policies.includes(policy));
    },

    async listBindingRules(authMethod) {
      return (await rulesOf(authMethod)).map((raw) => ({
        id: raw.ID,
        description: raw.Description,
        authMethod: raw.AuthMethod,
        selector: raw.Selector,
        bindType: raw.BindType,
        bindName: raw.BindName,
      }));
    },

    async deletePolicy(name) {
      const held = await policyNamed(name);
      return held !== undefined && remove(`/acl/policy/${held.ID}`);
    },
    deleteToken: (accessorId) => remove(`/acl/token/${encodeURIComponent(accessorId)}`),
    deleteAuthMethod: (name) => remove(`/acl/auth-method/${encodeURIComponent(name)}`),
    deleteBindingRule: (id) => remove(`/acl/binding-rule/${encodeURIComponent(id)}`),
  };
}

const aclToken = (raw: RawToken): AclToken => ({
  accessorId: raw.AccessorID,
  description: raw.Description,
  policies: (raw.Policies ?? []).map((policy) => policy.Name),
  authMethod: raw.AuthMethod || undefined,
  expiresAt: raw.ExpirationTime,
});
