/** All settings of the frontend, from the environment only. */
export interface Settings {
  /** PORT, default 8080; 0 picks a free one. */
  readonly port: number;
  /** BIND_ADDRESS, default 0.0.0.0. */
  readonly bindAddress: string;
  /** PORT_FILE, default none: the chosen port is written there. */
  readonly portFile: string | undefined;
  /** DRAIN_SECONDS, default 3. */
  readonly drainMs: number;
  /** ADD_SVC_ADDR, default http://localhost:9191. */
  readonly addSvc: URL;
  /** SUB_SVC_ADDR, default http://localhost:8181. */
  readonly subSvc: URL;
  /** UPSTREAM_TIMEOUT_MS for one call, default 2000. */
  readonly upstreamTimeoutMs: number;
  /** UPSTREAM_RETRIES after a refused or reset connection, 0 or 1, default 0: retrying is the mesh's to do. */
  readonly upstreamRetries: number;
  /** FAULTS, default on; off refuses POST /api/v1/test/fault. */
  readonly faults: boolean;
}

/** Throws an Error with a sentence for the operator when a value cannot be used. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  return {
    port: numberOf(env, 'PORT', 8080, 0, 65535),
    bindAddress: env.BIND_ADDRESS || '0.0.0.0',
    portFile: env.PORT_FILE || undefined,
    drainMs: 1000 * numberOf(env, 'DRAIN_SECONDS', 3, 0, 9999, /^[0-9]+(\.[0-9]+)?$/),
    addSvc: addressOf(env, 'ADD_SVC_ADDR', 'http://localhost:9191'),
    subSvc: addressOf(env, 'SUB_SVC_ADDR', 'http://localhost:8181'),
    upstreamTimeoutMs: numberOf(env, 'UPSTREAM_TIMEOUT_MS', 2000, 1, 60_000),
    upstreamRetries: numberOf(env, 'UPSTREAM_RETRIES', 0, 0, 1),
    faults: switchOf(env, 'FAULTS', true),
  };
}

function numberOf(
  env: NodeJS.ProcessEnv,
  name: string,
  otherwise: number,
  min: number,
  max: number,
  form = /^[0-9]+$/,
): number {
  const text = env[name] || String(otherwise);
  const value = Number(text);
  if (form.test(text) && value >= min && value <= max) return value;
  throw new Error(`${name} must be a number from ${min} to ${max}, is '${text}'`);
}

function addressOf(env: NodeJS.ProcessEnv, name: string, otherwise: string): URL {
  const text = env[name] || otherwise;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' && url.pathname === '/') return url;
  throw new Error(`${name} must look like http://host:port, is '${text}'`);
}

function switchOf(env: NodeJS.ProcessEnv, name: string, otherwise: boolean): boolean {
  const text = env[name] || (otherwise ? 'on' : 'off');
  if (text === 'on' || text === 'off') return text === 'on';
  throw new Error(`${name} must be on or off, is '${text}'`);
}
