import { EDGE_SERVICE } from '../../crds/expose.ts';
import { CONSUL_SERVER_SERVICE } from '../../mesh/installation/installation.ts';

/** ACL rules, https://developer.hashicorp.com/consul/docs/reference/acl/rule */

export interface Policy {
  name: string;
  description: string;
  rules: string;
}

/** The server's own, by which it keeps its node up to date. */
export const serverPolicy: Policy = {
  name: 'landbridge-consul-server',
  description: 'Lets the Consul server write its own node.',
  rules: `node_prefix "${CONSUL_SERVER_SERVICE}-" { policy = "write" }
`,
};

/** The policy with which servers answer DNS to everybody: names and addresses, and nothing else. */
export const dnsPolicy: Policy = {
  name: 'landbridge-consul-dns',
  description: 'Lets the Consul servers answer DNS.',
  rules: `node_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }
`,
};

/**
 * | who      | nodes it writes        | services       | intentions | keys          |
 * |----------|------------------------|----------------|------------|---------------|
 * | operator | `k8s.<cluster>.` only  | all, write     | write      | of its edge   |
 * | bridge   | `vm.` and `ext.` only  | all, write     | none       | `landbridge/` |
 * The bridge makes a session, for the lock by which one bridge is active; Consul counts sessions to the server that made them.
 * The operator writes the gateway, its routes and certificates as well, which Consul counts to `mesh`.
 *
 * Both need service:write for every name, since a MeshService may have any. The nodes keep them apart, as far as Consul
 * does: it asks for node:write to make, change or delete a node, and not to touch a service on one that is there.
 * Neither has `acl:write`: the tokens of sidecars come by login.
 */
export const operatorPolicy = (cluster: string): Policy => ({
  name: 'landbridge-operator',
  description: 'Writes what MeshServices ask for, on the nodes of its own cluster.',
  rules: `node_prefix "" { policy = "read" }
node_prefix "k8s.${cluster}." { policy = "write" }
service_prefix "" {
  policy     = "write"
  intentions = "write"
}
mesh = "write"
key_prefix "landbridge/reach/" { policy = "read" }
key_prefix "landbridge/proxies/" { policy = "read" }
key_prefix "landbridge/edge/${cluster}/" { policy = "write" }
`,
});

/** Besides what its service identity may, the edge gateway reads its routes and certificates. */
export const edgePolicy: Policy = {
  name: EDGE_SERVICE,
  description: 'Lets the edge gateway read the routes and certificates it serves.',
  rules: `mesh = "read"
`,
};

export const bridgePolicy: Policy = {
  name: 'landbridge-bridge',
  description: 'Writes the instances outside the cluster, and keeps invites and leases.',
  rules: `node_prefix "" { policy = "read" }
node_prefix "vm." { policy = "write" }
node_prefix "ext." { policy = "write" }
service_prefix "" {
  policy     = "write"
  intentions = "deny"
}
key_prefix "landbridge/" { policy = "write" }
session_prefix "" { policy = "write" }
`,
};
