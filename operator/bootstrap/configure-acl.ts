import { createPublicKey } from 'node:crypto';
import type { AclBindingRule, ConsulAcl } from '../../clients/consul/consul.ts';
import { JWT_AUDIENCE } from '../../clients/consul/service-token.ts';
import { EDGE_SERVICE } from '../../crds/expose.ts';
import { GATEWAY_SERVICE } from '../../crds/gateway.ts';
import { GATEWAY_CLAIMS } from '../../mesh/gateways/terminating.ts';
import type { Holder, Material, StaticToken } from './material.ts';
import { type Policy, bridgePolicy, dnsPolicy, edgePolicy, operatorPolicy, serverPolicy } from './policies.ts';

/**
 * Policies and tokens of the server, the operator and the bridge, and the auth methods by which the latter two vouch. Every step states the end
 * that it wants, so it may stop anywhere and run again. Each service guards its own paths (docs/adr/0025).
 */
export async function configureAcl(
  acl: ConsulAcl,
  settings: { cluster: string; tokenTtl: string },
  material: Omit<Material, 'consulCaPem' | 'managementToken'>,
): Promise<void> {
  if (material.server !== undefined) await giveToken(acl, serverPolicy, material.server, settings.cluster);
  if (material.dns !== undefined) await giveToken(acl, dnsPolicy, material.dns, settings.cluster);
  const operator = operatorPolicy(settings.cluster);
  await admit(acl, settings, operator, material.operator, GATEWAY_CLAIMS);
  await acl.upsertPolicy(edgePolicy);
  await keepOneRule(acl, {
    authMethod: operator.name,
    description: 'The edge gateway may also read what it serves.',
    selector: `value.service == "${EDGE_SERVICE}"`,
    bindType: 'policy',
    bindName: edgePolicy.name,
  });
  await keepLinkRules(acl, operator.name);
  await admit(acl, settings, bridgePolicy, material.bridge);
}

/** A token of the terminating gateway holds one service identity more for each service that the JWT names. */
async function keepLinkRules(acl: ConsulAcl, authMethod: string): Promise<void> {
  const held = (await acl.listBindingRules(authMethod)).map(({ selector }) => selector);
  const rules = GATEWAY_CLAIMS.map((claim) => ({
    authMethod,
    description: `The terminating gateway also stands for the service in ${claim}.`,
    selector: `value.service == "${GATEWAY_SERVICE}" and value.${claim} != ""`,
    bindType: 'service' as const,
    bindName: `\${value.${claim}}`,
  }));
  const ended = await Promise.allSettled(
    rules
      .filter(({ selector }) => held.filter((one) => one === selector).length !== 1)
      .map((rule) => keepOneRule(acl, rule)),
  );
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
}

/** The claim that distinguishes a second cluster at the same servers from this one. */
export const holderDescription = (policy: string, cluster: string): string => `Held by ${policy} of ${cluster}.`;

/** The auth method, the policy and the token of a process all carry the policy's name. */
async function admit(
  acl: ConsulAcl,
  { tokenTtl, cluster }: { tokenTtl: string; cluster: string },
  policy: Policy,
  holder: Holder,
  claims: string[] = [],
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
      ClaimMappings: Object.fromEntries(['service', ...claims].map((claim) => [claim, claim])),
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

/** One token a policy: after a Secret was lost and made again, the old token must not live on. */
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
