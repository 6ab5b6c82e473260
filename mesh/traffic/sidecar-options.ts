import type { MeshServiceSpec } from '../../crds/mesh-service.ts';
import type { ProxySettings } from '../../crds/proxy.ts';
import { CALLEE_TIMEOUT_MS } from './limits.ts';

type Json = Record<string, unknown>;

/** A connection to the app may lie idle for so long: below the keep-alive of every common server (gunicorn 2 s, Node 5 s). */
const APP_IDLE = { nanos: 500_000_000 };
/**
 * On an answer of the sidecar in the app's place: the connection to the app was lost, or could not be made. Callers try
 * again on it where they do on a reset (mesh/traffic/router.ts), and take it off.
 */
export const LOST_HEADER = 'x-landbridge-lost';
/** Beside it where the app has not begun with the request: no connection could be made, or it refused the stream. */
export const UNSEEN_HEADER = 'x-landbridge-unseen';

/**
 * service-defaults: how a service's own sidecars call the app, for http, http2 and grpc.
 *
 * An app that closes a kept connection just as a request comes costs that request: the sidecar answers 503, which a
 * caller cannot tell from one of the app's own. So the sidecar keeps no connection for long, or none, and marks its own answer.
 */
export function sidecarOptions(
  protocol: MeshServiceSpec['protocol'],
  proxy: Pick<ProxySettings, 'appConnections'>,
): Json {
  if (protocol === 'tcp') return {};
  const connections = proxy.appConnections === 'PerRequest' ? ONE_REQUEST_A_CONNECTION : IDLE_CONNECTIONS;
  return {
    LocalRequestTimeoutMs: CALLEE_TIMEOUT_MS,
    EnvoyExtensions: [
      ...(protocol === 'http' ? [connections] : []),
      extension('builtin/lua', { ProxyType: 'connect-proxy', Listener: 'inbound', Script: MARK_SCRIPT }),
    ],
  };
}

const extension = (Name: string, Arguments: Json): Json => ({ Name, Required: false, Arguments });

/** Consul has no field for these. HTTP/2 has GOAWAY, and its clusters take no such patch. */
const connectionOption = (field: string, Value: unknown): Json =>
  extension('builtin/property-override', {
    ProxyType: 'connect-proxy',
    // A list of one, as Consul gives it back.
    Patches: {
      ResourceFilter: { ResourceType: 'cluster', TrafficDirection: 'inbound' },
      Op: 'add',
      Path: `/common_http_protocol_options/${field}`,
      Value,
    },
  });
const IDLE_CONNECTIONS = connectionOption('idle_timeout', APP_IDLE);
const ONE_REQUEST_A_CONNECTION = connectionOption('max_requests_per_connection', 1);

/**
 * Envoy adds the first header to every answer of the app, and the second to its own when a limit is reached: trying again does
 * not help then. Its own answer to a gRPC call has status 200 and UNAVAILABLE, and the reason in grpc-message in place of the
 * body. The reasons are those of resetReasonToString in source/common/http/utility.cc.
 */
const MARK_SCRIPT = `function envoy_on_response(handle)
  local headers = handle:headers()
  headers:remove("${LOST_HEADER}")
  headers:remove("${UNSEEN_HEADER}")
  if headers:get("x-envoy-upstream-service-time") or headers:get("x-envoy-overloaded") then return end
  local why = headers:get("grpc-message")
  if headers:get(":status") == "503" then
    local body = handle:body()
    why = body and body:getBytes(0, body:length())
    -- The one from before does not outlive the wait for the body.
    headers = handle:headers()
  elseif headers:get("grpc-status") ~= "14" then
    return
  end
  headers:add("${LOST_HEADER}", "true")
  for _, reason in ipairs({"connection failure", "connection timeout", "refused stream reset"}) do
    if why and why:find(reason, 1, true) then
      headers:add("${UNSEEN_HEADER}", "true")
      return
    end
  end
end
`;
