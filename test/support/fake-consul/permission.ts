import { FakeRefusal, type FakeState, type FakeToken } from './state.ts';

/** Consul's ACL rules, as far as the project writes such: resource, optional name, and a policy for it. */
interface Rule {
  resource: string;
  /** Undefined = the resource as a whole, as in `acl = "write"`. */
  name: string | undefined;
  prefix: boolean;
  policy: string;
  intentions: string | undefined;
}

const RULE = /(\w+)\s+"([^"]*)"\s*\{([^}]*)\}|(\w+)\s*=\s*"(\w+)"/g;

function parseRules(text: string): Rule[] {
  return [...text.matchAll(RULE)].map(([, resource, name, inner = '', whole, policy = '']) => {
    if (whole !== undefined) return { resource: whole, name: undefined, prefix: false, policy, intentions: undefined };
    return {
      resource: resource!.replace(/_prefix$/, ''),
      name,
      prefix: resource!.endsWith('_prefix'),
      policy: /policy\s*=\s*"(\w+)"/.exec(inner)?.[1] ?? 'deny',
      intentions: /intentions\s*=\s*"(\w+)"/.exec(inner)?.[1],
    };
  });
}

/** The rules that Consul makes for a service identity, https://developer.hashicorp.com/consul/docs/security/acl#service-identities */
const identityRules = (service: string): string => `
  service "${service}" { policy = "write" }
  service "${service}-sidecar-proxy" { policy = "write" }
  service_prefix "" { policy = "read" }
  node_prefix "" { policy = "read" }`;

const MANAGEMENT = '00000000-0000-0000-0000-000000000001';
export const managementPolicy = { ID: MANAGEMENT, Name: 'global-management' };

export type Access = 'read' | 'write';

export function tokenOf(state: FakeState, secret: string): FakeToken | undefined {
  if (secret === '') return undefined;
  const token = state.tokens.get(secret);
  if (token === undefined) throw new FakeRefusal(403, 'ACL not found');
  return token;
}

export function may(state: FakeState, secret: string, resource: string, name: string, access: Access): boolean {
  if (!state.acl) return true;
  const token = tokenOf(state, secret);
  if (token === undefined) return false;
  if (token.Policies.some((policy) => policy.ID === MANAGEMENT)) return true;
  const texts = token.Policies.map((policy) => state.policies.get(policy.ID)?.Rules ?? '');
  const rules = [...texts, ...token.ServiceIdentities.map(identityRules)].flatMap(parseRules);
  const wanted = resource === 'intention' ? 'service' : resource;
  const fitting = rules
    .filter((rule) => rule.resource === wanted)
    .filter((rule) => rule.name === undefined || (rule.prefix ? name.startsWith(rule.name) : name === rule.name))
    .sort((a, b) => Number(a.prefix) - Number(b.prefix) || (b.name ?? '').length - (a.name ?? '').length);
  const best = fitting[0];
  const policy = resource === 'intention' ? best?.intentions : best?.policy;
  return policy === 'write' || (access === 'read' && policy === 'read');
}

export function demand(state: FakeState, secret: string, resource: string, name: string, access: Access): void {
  if (may(state, secret, resource, name, access)) return;
  const who = secret === '' ? 'anonymous token' : `token with AccessorID '${tokenOf(state, secret)!.AccessorID}'`;
  const on = name === '' ? '' : ` on "${name}"`;
  throw new FakeRefusal(403, `Permission denied: ${who} lacks permission '${resource}:${access}'${on}`);
}
