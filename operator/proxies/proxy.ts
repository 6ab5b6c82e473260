/** One Envoy that is looked at, or that a machine speaks for. */
export interface Proxy {
  /** `pod shop/web-1`, `machine rack-1/vm1 web-vm1-7001`, `gateway edge-7c`. */
  key: string;
  /** For people. */
  name: string;
  /** Whose changes concern it: `namespace/name` of its MeshService, or GATEWAYS. */
  scope: string;
  /** Services that it calls, by their names in Consul; undefined: any. */
  calls: string[] | undefined;
}

export const GATEWAYS = 'gateways';
