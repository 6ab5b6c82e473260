import { createPublicKey } from 'node:crypto';
import type { AclBindingRule, ConsulAcl } from '../../clients/consul/consul.ts';
import { JWT_AUDIENCE } from '../../clients/consul/service-token.ts';
import { EDGE_SERVICE } from '../../crds/expose.ts';
import type { Holder, Material, StaticToken } from './material.ts';
import { type Policy, bridgePolicy, dnsPolicy, edgePolicy, operatorPolicy, serverPolicy } from './policies.ts';

/**
 * Policies and tokens of the server, the operator and the bridge, and the auth methods by which the latter two vouch. Every step states what there
 * shall be, so it may stop anywhere and run again. No mesh-wide config entries: Consul's defaults (TLS 1.2 and above,
 * normalised paths) are what is wanted, and the rest is each service's own.
 */
export async function configureAcl(
  acl: ConsulAcl,
  settings: { cluster: string; tokenTtl: string },
  material: Omit<Material, 'consulCaPem' | 'managementToken'>,
): Promise<void> {
  if (material.server !== undefined) await giveToken(acl, serverPolicy, material.server, settings.cluster);
  if (material.dns !== undefined) await giveToken(acl, dnsPolicy, material.dns, settings.cluster);
  const operator = operatorPolicy(settings.cluster);
  await admit(acl, settings, operator, material.operator);
  await acl.upsertPolicy(edgePolicy);
  await keepOneRule(acl, {
    authMethod: operator.name,
    description: 'The edge gateway may also read what it serves.',
    selector: `value.service == "${EDGE_SERVICE}"`,
    bindType: 'policy',
    bindName: edgePolicy.name,
  });
  await admit(acl, settings, bridgePolicy, material.bridge);
}

/** By which a second cluster at the same servers is told from this one. */
export const holderDescription = (policy: string, cluster: string): string => `Held by ${policy} of ${cluster}.`;

/** The auth method, the policy and the token of a process all carry the policy's name. */
async function admit(
  acl: ConsulAcl,
  { tokenTtl, cluster }: { tokenTtl: string; cluster: string },
  policy: Policy,
  holder: Holder,
): Promise<void> {
  const { name } = policy;
  await giveToken(acl, policy, holder, cluster);
  await acl.upsertAuthMethod({
    name,
    type: 'jwt',
    description: `Services that ${name} vouches for.`,
    maxTokenTtl: tokenTtl,
    config: {
      BoundIssuer: name,
      BoundAudiences: [JWT_AUDIENCE],
      JWTSupportedAlgs: ['ES256'],
      JWTValidationPubKeys: [createPublicKey(holder.signingKeyPem).export({ type: 'spki', format: 'pem' }).toString()],
      ClaimMappings: { service: 'service' },
    },
  });
  await keepOneRule(acl, {
    authMethod: name,
    description: 'A token for the service that the JWT names.',
    selector: '',
    bindType: 'service',
    bindName: '${value.service}',
  });
}

/** One token a policy: after a Secret was lost and made anew, the old token must not live on. */
async function giveToken(
  acl: ConsulAcl,
  policy: Policy,
  { accessorId, token }: StaticToken,
  cluster: string,
): Promise<void> {
  const { name } = policy;
  const description = holderDescription(name, cluster);
  await acl.upsertPolicy(policy);
  await acl.upsertToken({ accessorId, secretId: token, description, policies: [name] });
  for (const other of await acl.listTokens({ policy: name })) {
    if (other.accessorId !== accessorId) await acl.deleteToken(other.accessorId);
  }
}

/** Two runs at once may each make one; both then keep the one whose id comes first. */
async function keepOneRule(acl: ConsulAcl, rule: AclBindingRule): Promise<void> {
  await acl.upsertBindingRule(rule);
  const rules = await acl.listBindingRules(rule.authMethod);
  const ids = rules.filter(({ description }) => description === rule.description).map(({ id }) => id);
  ids.sort();
  for (const id of ids.slice(1)) await acl.deleteBindingRule(id);
}
