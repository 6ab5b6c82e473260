import { meshServiceCrd } from '../crds/custom-resource-definition.ts';
import { addBootstrap } from './bootstrap.ts';
import { addBridge } from './bridge.ts';
import { addConsul } from './consul.ts';
import { addCrd, withSidecarDefaults } from './crd.ts';
import { addEdge } from './edge.ts';
import { addGateway } from './gateway.ts';
import { addNamespace } from './namespace.ts';
import { addNetworkPolicies } from './network-policies.ts';
import { addOperatorRbac } from './operator-rbac.ts';
import { addOperator } from './operator.ts';
import { addPodMonitor } from './pod-monitor.ts';
import { not } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';
import { addWebhook } from './webhook.ts';

/**
 * An installation of Landbridge. Nothing waits for an order at apply: a pod whose Secret is not there yet is started as
 * soon as the bootstrap job made it. The job comes early in the output, so that this takes little time.
 */
export function addLandbridge(target: Target): void {
  addNamespace(target);
  addCrd(target.when(values.crds.install), 'mesh-service-crd', withSidecarDefaults(meshServiceCrd()));
  addBootstrap(target);
  addConsul(target.when(not(values.externalConsul.enabled)));
  addOperatorRbac(target);
  addOperator(target);
  addBridge(target.when(values.bridge.enabled));
  addEdge(target.when(values.edge.enabled));
  addGateway(target.when(values.gateway.enabled));
  addPodMonitor(target.when(values.metrics.podMonitor.enabled));
  addNetworkPolicies(target.when(values.networkPolicies));
  // Last, so that in a new cluster it refuses pods for as short a time as can be.
  addWebhook(target);
}
