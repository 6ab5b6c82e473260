import type { MeshServiceSpec } from '../../crds/mesh-service.ts';
import { CALLEE_TIMEOUT_MS } from './limits.ts';

type Json = Record<string, unknown>;

/**
 * On an answer of the sidecar in the app's place: the connection to the app was lost, or could not be made. Callers try
 * again on it where they do on a reset (mesh/traffic/router.ts), and take it off.
 */
export const LOST_HEADER = 'x-landbridge-lost';

/**
 * service-defaults: how a service's own sidecars call the app, for http, http2 and grpc.
 *
 * An app that closes a kept connection just as a request comes costs that request: the sidecar answers 503, which a
 * caller cannot tell from one of the app's own. So the sidecar keeps no connection to an app of HTTP/1.1, and marks its own 503.
 */
export function sidecarOptions(protocol: MeshServiceSpec['protocol']): Json {
  if (protocol === 'tcp') return {};
  return {
    LocalRequestTimeoutMs: CALLEE_TIMEOUT_MS,
    EnvoyExtensions: [
      ...(protocol === 'http' ? [ONE_REQUEST_A_CONNECTION] : []),
      extension('builtin/lua', { ProxyType: 'connect-proxy', Listener: 'inbound', Script: MARK_SCRIPT }),
    ],
  };
}

const extension = (Name: string, Arguments: Json): Json => ({ Name, Required: false, Arguments });

/** Consul has no field for it. HTTP/2 has GOAWAY, and its clusters take no such patch. */
const ONE_REQUEST_A_CONNECTION = extension('builtin/property-override', {
  ProxyType: 'connect-proxy',
  // A list of one, as Consul gives it back.
  Patches: {
    ResourceFilter: { ResourceType: 'cluster', TrafficDirection: 'inbound' },
    Op: 'add',
    Path: '/common_http_protocol_options/max_requests_per_connection',
    Value: 1,
  },
});

/** Envoy adds the first header to every answer of the app, and the second to its own when a limit is reached: trying again does not help then. */
const MARK_SCRIPT = `function envoy_on_response(handle)
  local headers = handle:headers()
  headers:remove("${LOST_HEADER}")
  if headers:get(":status") ~= "503" then return end
  if headers:get("x-envoy-upstream-service-time") or headers:get("x-envoy-overloaded") then return end
  headers:add("${LOST_HEADER}", "true")
end
`;
