import { k8s } from 'cdk8s-plus-27';
import {
  BRIDGE_PORT,
  CONSUL_DNS_PORT,
  CONSUL_GRPC_TLS_PORT,
  CONSUL_HTTPS_PORT,
  NAMESPACE,
  OBSERVE_PORT,
  WEBHOOK_PORT,
} from '../mesh/installation/installation.ts';
import { type Component, labels } from './labels.ts';
import { podSelector } from './pod.ts';
import { not } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

/**
 * Who may reach what. Ports that prove their clients themselves are open to all: the API server, sidecars and machines
 * come from addresses that no selector knows. DNS has no clients to prove, so it is for the cluster's own resolvers and pods;
 * Consul's server-to-server ports are for servers alone.
 *
 * | pods      | open to all        | to pods of the cluster | to servers only |
 * |-----------|--------------------|------------------------|-----------------|
 * | operator  | webhook, observe   |                        |                 |
 * | bridge    | api, observe       |                        |                 |
 * | consul    | https, grpc-tls    | dns                    | 8300, 8301      |
 * | edge      | http, https, ready |                        |                 |
 * | gateway   | mesh, ready        |                        |                 |
 * | bootstrap |                    |                        |                 |
 */
export function addNetworkPolicies(target: Target): void {
  const policy = (to: Target, component: Component, open: number[], more: k8s.NetworkPolicyIngressRule[] = []) => {
    const ingress = open.length > 0 ? [{ ports: open.map((number) => port(number)) }, ...more] : more;
    to.add(k8s.KubeNetworkPolicy, `${component}-policy`, {
      metadata: { name: `landbridge-${component}`, namespace: NAMESPACE, labels: labels(component) },
      spec: { podSelector: podSelector(component), policyTypes: ['Ingress'], ingress },
    });
  };
  policy(target, 'operator', [WEBHOOK_PORT, OBSERVE_PORT]);
  policy(target, 'bootstrap', []);
  policy(target.when(values.bridge.enabled), 'bridge', [BRIDGE_PORT, OBSERVE_PORT]);
  const named = (...names: string[]) => [
    { ports: names.map((name) => ({ port: k8s.IntOrString.fromString(name), protocol: 'TCP' })) },
  ];
  policy(target.when(values.edge.enabled), 'edge', [], named('http', 'https', 'ready'));
  policy(target.when(values.gateway.enabled), 'gateway', [], named('mesh', 'ready'));
  policy(
    target.when(not(values.externalConsul.enabled)),
    'consul',
    [CONSUL_HTTPS_PORT, CONSUL_GRPC_TLS_PORT],
    [
      { from: [{ namespaceSelector: {} }], ports: [port(CONSUL_DNS_PORT), port(CONSUL_DNS_PORT, 'UDP')] },
      { from: [{ podSelector: podSelector('consul') }], ports: [port(8300), port(8301), port(8301, 'UDP')] },
    ],
  );
}

const port = (number: number, protocol = 'TCP'): k8s.NetworkPolicyPort => ({
  port: k8s.IntOrString.fromNumber(number),
  protocol,
});
