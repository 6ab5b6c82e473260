import { createPublicKey } from 'node:crypto';
import type { AclBindingRule, ConsulAcl } from '../../clients/consul/consul.ts';
import { JWT_AUDIENCE } from '../../clients/consul/service-token.ts';
import type { Holder, Material, StaticToken } from './material.ts';
import { type Policy, bridgePolicy, operatorPolicy, serverPolicy } from './policies.ts';

/**
 * Policies and tokens of the server, the operator and the bridge, and the auth methods by which the latter two vouch. Every step states what there
 * shall be, so it may stop anywhere and run again. No mesh-wide config entries: Consul's defaults (TLS 1.2 and above,
 * normalised paths) are what is wanted, and the rest is each service's own.
 */
export async function configureAcl(
  acl: ConsulAcl,
  settings: { cluster: string; tokenTtl: string },
  material: Material,
): Promise<void> {
  await giveToken(acl, serverPolicy, material.server);
  await admit(acl, settings.tokenTtl, operatorPolicy(settings.cluster), material.operator);
  await admit(acl, settings.tokenTtl, bridgePolicy, material.bridge);
}

/** The auth method, the policy and the token of a process all carry the policy's name. */
async function admit(acl: ConsulAcl, maxTokenTtl: string, policy: Policy, holder: Holder): Promise<void> {
  const { name } = policy;
  await giveToken(acl, policy, holder);
  await acl.upsertAuthMethod({
    name,
    type: 'jwt',
    description: `Services that ${name} vouches for.`,
    maxTokenTtl,
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
async function giveToken(acl: ConsulAcl, policy: Policy, { accessorId, token }: StaticToken): Promise<void> {
  const { name } = policy;
  await acl.upsertPolicy(policy);
  await acl.upsertToken({ accessorId, secretId: token, description: `Held by ${name}.`, policies: [name] });
  for (const other of await acl.listTokens({ policy: name })) {
    if (other.accessorId !== accessorId) await acl.deleteToken(other.accessorId);
  }
}

/** Two runs at once may each make one; both then keep the one whose id comes first. */
async function keepOneRule(acl: ConsulAcl, rule: AclBindingRule): Promise<void> {
  await acl.upsertBindingRule(rule);
  const ids = (await acl.listBindingRules(rule.authMethod)).map(({ id }) => id).sort();
  for (const id of ids.slice(1)) await acl.deleteBindingRule(id);
}
