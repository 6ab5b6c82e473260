/** Consul name of the terminating gateway; no MeshService may have it. */
export const GATEWAY_SERVICE = 'landbridge-gateway';
