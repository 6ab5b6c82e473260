import type { MeshServiceSpec } from '../../crds/mesh-service.ts';
import { CALLEE_TIMEOUT_MS } from './limits.ts';

type Json = Record<string, unknown>;

/** Seconds that a connection to the app may lie idle: below the keep-alive of every common server (gunicorn 2, Node 5). */
const APP_IDLE_SECONDS = 1;
/** Further tries after the first. */
const APP_RETRIES = 8;

/**
 * service-defaults: how a service's own sidecars call the app, for http, http2 and grpc.
 *
 * An app that closes a kept connection just as a request comes would cost that request: the sidecar answers 503, which no
 * caller may take for "not seen". So the sidecar itself keeps no connection for long, and tries again at the same app:
 * idempotent methods whenever the connection was lost before an answer, all others only while nothing of the request was
 * sent. What the app answers, a 503 among them, is never asked for again.
 */
export function sidecarOptions(protocol: MeshServiceSpec['protocol']): Json {
  if (protocol === 'tcp') return {};
  return {
    LocalRequestTimeoutMs: CALLEE_TIMEOUT_MS,
    EnvoyExtensions: [
      ...(protocol === 'http' ? [IDLE_CONNECTIONS] : []),
      extension('builtin/lua', { ProxyType: 'connect-proxy', Listener: 'inbound', Script: RETRY_SCRIPT }),
    ],
  };
}

const extension = (Name: string, Arguments: Json): Json => ({ Name, Required: false, Arguments });

/** Consul has no field for it. HTTP/2 has GOAWAY, and its clusters take no such patch. */
const IDLE_CONNECTIONS = extension('builtin/property-override', {
  ProxyType: 'connect-proxy',
  // A list of one, as Consul gives it back.
  Patches: {
    ResourceFilter: { ResourceType: 'cluster', TrafficDirection: 'inbound' },
    Op: 'add',
    Path: '/common_http_protocol_options/idle_timeout',
    Value: { seconds: APP_IDLE_SECONDS },
  },
});

/** Envoy takes these headers from nobody outside, and its router takes them off again. */
const RETRY_SCRIPT = `local idempotent = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true, TRACE = true }
function envoy_on_request(handle)
  local headers = handle:headers()
  local on = idempotent[headers:get(":method")] and "reset" or "reset-before-request,refused-stream"
  headers:replace("x-envoy-retry-on", on)
  headers:replace("x-envoy-max-retries", "${APP_RETRIES}")
end
`;
