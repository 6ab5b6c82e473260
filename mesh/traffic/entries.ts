import { EDGE_SERVICE } from '../../crds/expose.ts';
import { type MeshService, consulName } from '../../crds/mesh-service.ts';
import type { Traffic } from '../../crds/traffic.ts';
import { goDuration } from '../duration.ts';
import { type ConfigEntry, OWNER_META } from '../catalog/entry.ts';
import { edgeAccess } from './edge-access.ts';
import { intentionSources } from './intentions.ts';
import { CALLEE_TIMEOUT_MS } from './limits.ts';
import { resolverFields } from './resolver.ts';
import { routerFields } from './router.ts';
import { sidecarOptions } from './sidecar-options.ts';
import { subsetName } from './subset.ts';
import { upstreamConfig } from './upstream-config.ts';

/**
 * The config entries of a MeshService.
 *
 * | entry              | from                                                       | when                  |
 * |--------------------|------------------------------------------------------------|-----------------------|
 * | service-defaults   | protocol; how its sidecars call the app; limits, passive health of the services it calls | always: it is the claim on the name |
 * | service-resolver   | connectTimeout, loadBalancing, subsets, failover           | always                |
 * | service-splitter   | split                                                      | when there is a split |
 * | service-router     | timeout, idleTimeout, retries, routes                      | http, http2, grpc     |
 * | service-intentions | access, expose                                             | always: it refuses all others |
 *
 * `trafficOf` gives spec.traffic of a service that this one calls, where a MeshService says it.
 */
export function configEntries(
  meshService: MeshService,
  owner: string,
  trafficOf: (service: string) => Traffic | undefined,
): ConfigEntry[] {
  const { protocol, upstreams, traffic, expose, proxy } = meshService.spec;
  const access = meshService.spec.access ?? [];
  const edge = expose === undefined ? undefined : { name: EDGE_SERVICE, rules: edgeAccess(expose, access) };
  const entry = (Kind: ConfigEntry['Kind'], fields: Record<string, unknown>): ConfigEntry => ({
    Kind,
    Name: consulName(meshService),
    ...fields,
    Meta: { [OWNER_META]: owner },
  });
  const UpstreamConfig = upstreamConfig(upstreams, trafficOf);
  return [
    entry('service-defaults', {
      Protocol: protocol,
      ...sidecarOptions(protocol, proxy),
      ...(UpstreamConfig === undefined ? {} : { UpstreamConfig }),
    }),
    entry('service-resolver', { ...resolverFields(traffic), ...gatewayTimeout(meshService.spec) }),
    ...(traffic?.split === undefined ? [] : [entry('service-splitter', { Splits: splits(traffic.split) })]),
    ...(protocol === 'tcp' ? [] : [entry('service-router', routerFields(traffic, protocol))]),
    entry('service-intentions', { Sources: intentionSources(access, edge) }),
  ];
}

/** The terminating gateway, which stands for instances without a sidecar, takes its timeout from the resolver. */
const gatewayTimeout = ({ protocol, workloads }: MeshService['spec']) =>
  protocol === 'tcp' || workloads.external === undefined ? {} : { RequestTimeout: goDuration(CALLEE_TIMEOUT_MS) };

const splits = (split: NonNullable<Traffic['split']>) =>
  split.map(({ weight, subset, service }) => ({
    Weight: weight,
    ...(subset === undefined ? {} : { ServiceSubset: subsetName(subset) }),
    ...(service === undefined ? {} : { Service: service }),
  }));
