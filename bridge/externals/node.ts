import type { ExternalRequest } from '../../mesh/outside/bridge-api.ts';
import { type NodeEntry, OWNER_META } from '../../mesh/catalog/entry.ts';
import { registrationsOf } from '../../mesh/service/instance.ts';
import { bridgeOwner, externalNode } from '../../mesh/names/names.ts';
import type { ProbeResult } from '../../checks/external.ts';

/** NodeMeta key: when it was registered first, RFC 3339. */
export const SINCE_META = 'landbridge-since';

/**
 * The Consul node of a sidecar-less instance, with Consul's own conventions for external nodes
 * (https://developer.hashicorp.com/consul/tutorials/network-infrastructure-automation/consul-esm): `external-node`
 * says what it is; `external-probe` false, because the bridge checks it and an ESM beside it should not.
 */
export function externalNodeEntry(
  name: string,
  wanted: ExternalRequest,
  result: ProbeResult,
  since?: string,
): NodeEntry {
  const { site, service, address, port, tags, meta } = wanted;
  const [registration] = registrationsOf({
    id: name,
    service,
    platform: 'external',
    site,
    address,
    appPort: port,
    sidecarPort: undefined,
    health: result.health,
    output: result.output,
    upstreams: [],
    accessLog: 'none',
  });
  const entry = registration!;
  return {
    Node: externalNode(site, name),
    Address: address,
    Meta: {
      'external-node': 'true',
      'external-probe': 'false',
      platform: 'external',
      site,
      [OWNER_META]: bridgeOwner(site, name),
      ...(since !== undefined && { [SINCE_META]: since }),
    },
    registrations: {
      [name]: { ...entry, service: { ...entry.service, Tags: tags, Meta: { ...meta, ...entry.service.Meta } } },
    },
  };
}
