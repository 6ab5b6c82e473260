export interface UpstreamAnswer {
  status: number;
  /** Its beginning. */
  body: string;
  /** It came from the callee's side. Otherwise the Envoy of this machine made it: it found nobody, or its time was over. */
  fromCallee: boolean;
  tookMs: number;
}

/**
 * Tells an answer of the app, which proves the way there, from one of an Envoy in the app's place. The texts are Envoy's own
 * (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details).
 */
export function judgeAnswer(service: string, { status, body, fromCallee, tookMs }: UpstreamAnswer): Tried {
  const took = `GET / answered ${status} in ${Math.round(tookMs)} ms`;
  const problem = problemOf(service, status, body, fromCallee);
  return problem === undefined ? { ok: true, output: took } : { ok: false, output: `${problem} (${took})` };
}

function problemOf(service: string, status: number, body: string, fromCallee: boolean): string | undefined {
  if (status === 403 && body === 'RBAC: access denied')
    return 'it may not be called: name this service in spec.access of its MeshService';
  if (status === 504 && body === 'upstream request timeout')
    return `an instance is reached and does not answer in time: the time is spec.traffic.timeout of MeshService ${service}`;
  if (status === 503 && body === 'no healthy upstream')
    return `no instance of ${service} takes traffic: landbridge status in the cluster says why, or that no MeshService has this name`;
  if (![502, 503].includes(status) || !body.startsWith('upstream connect error or disconnect/reset before headers'))
    return undefined;
  if (!fromCallee) return 'no instance can be reached';
  return body.includes('protocol error')
    ? `an instance is reached, and its app does not speak the protocol of the service: give spec.protocol of MeshService ${service} the protocol of the app (tcp, http, http2 or grpc)`
    : `an instance is reached, and its app does not accept connections at its port: look at the app, and at spec.port of MeshService ${service} or the port of vm join`;
}

/** Calls to a port that the Envoy of the instance could not bind reach another program, which may even answer. */
export function takenPort(
  { service, localPort }: { service: string; localPort: number },
  problem = '',
): string | undefined {
  if (!new RegExp(`cannot bind '?127\\.0\\.0\\.1:${localPort}\\b`).test(problem)) return undefined;
  return `another program listens at 127.0.0.1:${localPort}, so calls reach that program and not ${service}: stop it, or give the upstream another localPort in the MeshService`;
}

export interface Tried {
  ok: boolean;
  /** One line. */
  output: string;
}
