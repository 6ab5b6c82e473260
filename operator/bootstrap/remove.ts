import { randomUUID } from 'node:crypto';
import type { Consul } from '../../clients/consul/consul.ts';
import { edgeOwner } from '../../mesh/gateways/edge.ts';
import { type ConfigEntry, OWNER_META } from '../../mesh/catalog/entry.ts';
import { gatewayOwner } from '../../mesh/gateways/terminating.ts';
import { clusterOwner } from '../../mesh/names/names.ts';
import type { Change } from '../../mesh/catalog/plan.ts';
import { bridgePolicy, edgePolicy, operatorPolicy } from './policies.ts';

const KINDS: ConfigEntry['Kind'][] = [
  // Entries that refer to others go first: Consul refuses a router or splitter without its service-defaults.
  'http-route',
  'api-gateway',
  'terminating-gateway',
  'inline-certificate',
  'service-intentions',
  'service-router',
  'service-splitter',
  'service-resolver',
  'service-defaults',
];

/**
 * Takes everything of the installation out of servers that stay: nodes, config entries, keys, then tokens, auth methods
 * and policies. Needs acl:write and nothing else: the rest is done with a token of the two policies, which goes with
 * them. May stop anywhere and run again; only what carries our marks is touched. Gives the number of things deleted.
 */
export async function removeFromConsul(
  consul: Consul,
  open: (token: string) => Consul,
  cluster: string,
): Promise<number> {
  const { acl } = consul;
  const policies = [operatorPolicy(cluster), bridgePolicy];
  for (const policy of policies) await acl.upsertPolicy(policy);
  const [accessorId, secretId] = [randomUUID(), randomUUID()];
  const names = policies.map(({ name }) => name);
  await acl.upsertToken({ accessorId, secretId, description: `Removal of ${cluster}.`, policies: names });
  const worker = open(secretId);
  let deleted = 0;
  try {
    deleted += await removeEntries(worker, cluster);
    for (const { key } of await worker.kvList('landbridge/')) deleted += Number(await worker.kvDelete(key));
  } finally {
    worker.close();
  }
  for (const { name } of policies) {
    // With the method go the tokens that it gave out, and its rules.
    deleted += Number(await acl.deleteAuthMethod(name));
    for (const token of await acl.listTokens({ policy: name })) {
      if (token.accessorId !== accessorId) deleted += Number(await acl.deleteToken(token.accessorId));
    }
  }
  await acl.deleteToken(accessorId);
  for (const { name } of [...policies, edgePolicy]) await acl.deletePolicy(name);
  return deleted;
}

async function removeEntries(worker: Consul, cluster: string): Promise<number> {
  const nodes = (
    await Promise.all([`k8s.${cluster}.`, 'vm.', 'ext.'].map((prefix) => worker.listNodes(prefix)))
  ).flat();
  const changes: Change[] = nodes
    .filter(({ meta }) => isOurs(meta[OWNER_META], cluster))
    .map(({ name }) => ({ op: 'delete-node', node: name }));
  for (const kind of KINDS) {
    for (const { entry, modifyIndex } of await worker.listConfig(kind)) {
      if (isOurs(entry.Meta[OWNER_META], cluster))
        changes.push({ op: 'delete-config', kind, name: entry.Name, modifyIndex });
    }
  }
  if (changes.length === 0) return 0;
  const refused = (await worker.apply(changes)).find((outcome) => !outcome.ok);
  if (refused !== undefined && !refused.ok) throw new Error(`Consul kept an entry of ours: ${refused.error}`);
  return changes.length;
}

/** Of this cluster itself, its MeshServices or its gateways, or of its bridge: there is one bridge a datacenter. */
const isOurs = (owner: string | undefined, cluster: string): boolean =>
  owner !== undefined &&
  ([clusterOwner(cluster), edgeOwner(cluster), gatewayOwner(cluster)].includes(owner) ||
    owner.startsWith(`${clusterOwner(cluster)}/`) ||
    owner.startsWith('bridge/'));
