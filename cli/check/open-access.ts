import type { Consul } from '../../clients/consul/consul.ts';
import type { ConfigEntry } from '../../mesh/catalog/entry.ts';
import { type Check, ok, warning } from './check.ts';

/** Nobody has such a name: whether it may call tells of rules for everybody. */
const NOBODY = 'landbridge-nobody';

interface Source {
  Name: string;
  Action?: string;
  Permissions?: { Action: string }[];
}

/** Spec.access is not all that Consul asks: these are the ways past it that others can have left open. */
export const openAccessChecks: Check[] = [
  {
    name: 'nothing in Consul opens services past spec.access',
    hint: 'access-opened-elsewhere',
    async run(look) {
      const consul = await look.consul();
      const opened = [...(await forAll(consul)), ...(await byDefault(consul))];
      return opened.length === 0 ? ok() : warning(opened.join('; '));
    },
  },
];

/**
 * Consul lets an exact source of service-intentions "*" in although an entry of the service's own refuses everybody: it turns
 * a refusal of "*" only against other rules for "*" (makeRBACRules in agent/xds/rbac.go). So each such source is named.
 */
async function forAll(consul: Consul): Promise<string[]> {
  const entries = (await consul.listConfig('service-intentions')).filter(({ entry }) => entry.Name === '*');
  const sources = entries.flatMap(({ entry }) => sourcesOf(entry)).filter(allows);
  const exact = sources.filter(({ Name }) => Name !== '*').map(({ Name }) => Name);
  return [
    ...(exact.length === 0
      ? []
      : [`service-intentions "*" lets ${exact.join(', ')} call every service, those of MeshServices too`]),
    ...(exact.length === sources.length
      ? []
      : ['service-intentions "*" lets everybody call every service that no MeshService describes']),
  ];
}

async function byDefault(consul: Consul): Promise<string[]> {
  const ruled = (await consul.listConfig('service-intentions')).some(({ entry }) => entry.Name === '*');
  if (ruled || !(await consul.mayCall(NOBODY, NOBODY))) return [];
  return ['the default policy of Consul is to allow: everybody may call every service that no MeshService describes'];
}

const sourcesOf = (entry: ConfigEntry): Source[] => (entry['Sources'] ?? []) as Source[];
const allows = ({ Action, Permissions = [] }: Source): boolean =>
  Action === 'allow' || Permissions.some((permission) => permission.Action === 'allow');
