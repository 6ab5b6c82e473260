import { k8s } from 'cdk8s-plus-27';
import { SIDECAR_READY_PORT } from '../crds/mesh-service.ts';
import { proxySettings } from '../crds/proxy.ts';
import { BOOTSTRAP_FILE } from '../mesh/envoy/bootstrap.ts';
import { envoyArguments } from '../mesh/envoy/envoy-arguments.ts';
import { SIDECAR_MOUNT, SIDECAR_VOLUME, sidecarVolume } from '../mesh/inject/sidecar.ts';
import { NAMESPACE } from '../mesh/installation/installation.ts';
import { type Component, labels } from './labels.ts';
import { imageOf, podSelector, podTemplate, resourcesOf } from './pod.ts';
import { addServiceAccount } from './rbac.ts';
import { every, moreThan, type Parts } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values, type ValuesTree } from './values/tree.ts';

export interface GatewayDeployment {
  component: Component & ('edge' | 'gateway');
  /** Its name in Consul, which the Secret that it starts from is called after. */
  service: string;
  /** The Consul service ID under which a pod asks for its configuration; `$(POD_NAME)` is the pod's name. */
  node: string;
  values: Pick<ValuesTree['edge'], 'replicas' | 'resources'>;
  ports: Parts<k8s.ContainerPort>[];
}

/** Endpoints and sidecars forget a pod that ends while it still serves: they take a few seconds to hear of it. */
const LEAVING_SECONDS = 10;

/**
 * Stock Envoy that serves a part of the mesh. It starts from a Secret that the operator keeps, as sidecars do, and is
 * ready when Consul has told it what there is.
 */
export function addGatewayDeployment(target: Target, gateway: GatewayDeployment): void {
  const { component, service } = gateway;
  const { replicas } = gateway.values;
  addServiceAccount(target, component);
  // cdk8s' class knows no `sleep` yet.
  target.addObject(component, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: service, namespace: NAMESPACE, labels: labels(component) },
    spec: {
      replicas,
      selector: podSelector(component),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: podTemplate(component, {
        talksToKubernetes: false,
        spread: true,
        terminationGracePeriodSeconds: LEAVING_SECONDS + 10,
        container: gatewayContainer(gateway),
        volumes: [sidecarVolume(service)],
      }),
    },
  });
  target
    .when(every(values.podDisruptionBudgets, moreThan(replicas, 1)))
    .add(k8s.KubePodDisruptionBudget, `${component}-budget`, {
      metadata: { name: service, namespace: NAMESPACE, labels: labels(component) },
      spec: { maxUnavailable: k8s.IntOrString.fromNumber(1), selector: podSelector(component) },
    });
}

function gatewayContainer({ service, node, values: { resources }, ports }: GatewayDeployment): Parts<k8s.Container> {
  const ready = { path: '/ready', port: k8s.IntOrString.fromString('ready') };
  const knowsItsPod = node.includes('$(POD_NAME)');
  return {
    name: 'envoy',
    image: imageOf('envoy'),
    command: ['/usr/local/bin/envoy'],
    args: envoyArguments({
      bootstrap: `${SIDECAR_MOUNT}/${BOOTSTRAP_FILE}`,
      node,
      service,
      proxy: proxySettings.parse(undefined),
    }),
    env: knowsItsPod ? [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] : undefined,
    ports: [...ports, { name: 'ready', containerPort: SIDECAR_READY_PORT }],
    readinessProbe: { httpGet: ready, periodSeconds: 2, timeoutSeconds: 1 },
    // Ready needs Consul: an hour of Consul being away must not become a restart loop.
    livenessProbe: { httpGet: ready, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 360 },
    lifecycle: { preStop: { sleep: { seconds: LEAVING_SECONDS } } as k8s.LifecycleHandler },
    resources: resourcesOf(resources),
    volumeMounts: [{ name: SIDECAR_VOLUME, mountPath: SIDECAR_MOUNT, readOnly: true }],
  };
}
