import type { Consul, ConsulOptions } from './consul.ts';

/** A client for one Consul cluster. Makes no request by itself. */
export function connectConsul(_options: ConsulOptions): Consul {
  throw new Error('not built yet');
}
