/** The ports of sidecars on machines: the range that Consul documents (https://developer.hashicorp.com/consul/docs/install/ports). */
export const MACHINE_SIDECARS = { first: 21_000, last: 21_255 };

export const isMachineSidecar = (port: number): boolean =>
  port >= MACHINE_SIDECARS.first && port <= MACHINE_SIDECARS.last;

/** For sentences to people. */
export const MACHINE_SIDECAR_RANGE = `${MACHINE_SIDECARS.first} to ${MACHINE_SIDECARS.last}`;
