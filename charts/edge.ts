import { k8s } from 'cdk8s-plus-27';
import { EDGE_SERVICE } from '../crds/expose.ts';
import { SIDECAR_READY_PORT } from '../crds/mesh-service.ts';
import { proxySettings } from '../crds/proxy.ts';
import { envoyArguments } from '../mesh/envoy-arguments.ts';
import { BOOTSTRAP_FILE } from '../mesh/bootstrap.ts';
import { SIDECAR_MOUNT, SIDECAR_VOLUME, sidecarVolume } from '../mesh/inject/sidecar.ts';
import { NAMESPACE } from '../mesh/installation.ts';
import { labels, selectorLabels } from './labels.ts';
import { imageOf, podSelector, podTemplate, resourcesOf } from './pod.ts';
import { addServiceAccount } from './rbac.ts';
import { equal, ifGiven, moreThan, type Parts, every, when } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

const { edge } = values;

/** Endpoints forget a pod that ends while it still serves: load balancers take a few seconds to hear of it. */
const LEAVING_SECONDS = 10;

/**
 * The edge gateway: stock Envoy that serves what MeshServices expose. It starts from a Secret that the operator keeps,
 * as sidecars do, and is ready when Consul has told it what there is.
 */
export function addEdge(target: Target): void {
  addServiceAccount(target, 'edge');
  const nodePort = (port: typeof edge.httpNodePort) => when<number>(equal(edge.exposure, 'NodePort'), port);
  const port = (name: string, number: number, onNodes: typeof edge.httpNodePort): Parts<k8s.ServicePort> => ({
    name,
    port: number,
    targetPort: k8s.IntOrString.fromString(name),
    nodePort: nodePort(onNodes),
  });
  target.add(k8s.KubeService, 'edge-service', {
    metadata: {
      name: EDGE_SERVICE,
      namespace: NAMESPACE,
      labels: labels('edge'),
      annotations: ifGiven(edge.serviceAnnotations),
    },
    spec: {
      type: edge.exposure,
      selector: selectorLabels('edge'),
      ports: [port('http', 80, edge.httpNodePort), port('https', 443, edge.httpsNodePort)],
    },
  });
  // cdk8s' class knows no `sleep` yet.
  target.addObject('edge', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: EDGE_SERVICE, namespace: NAMESPACE, labels: labels('edge') },
    spec: {
      replicas: edge.replicas,
      selector: podSelector('edge'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: podTemplate('edge', {
        talksToKubernetes: false,
        spread: true,
        terminationGracePeriodSeconds: LEAVING_SECONDS + 10,
        container: edgeContainer(),
        volumes: [sidecarVolume(EDGE_SERVICE)],
      }),
    },
  });
  target
    .when(every(values.podDisruptionBudgets, moreThan(edge.replicas, 1)))
    .add(k8s.KubePodDisruptionBudget, 'edge-budget', {
      metadata: { name: EDGE_SERVICE, namespace: NAMESPACE, labels: labels('edge') },
      spec: { maxUnavailable: k8s.IntOrString.fromNumber(1), selector: podSelector('edge') },
    });
}

function edgeContainer(): Parts<k8s.Container> {
  const ready = { path: '/ready', port: k8s.IntOrString.fromString('ready') };
  return {
    name: 'envoy',
    image: imageOf('envoy'),
    command: ['/usr/local/bin/envoy'],
    args: envoyArguments({
      bootstrap: `${SIDECAR_MOUNT}/${BOOTSTRAP_FILE}`,
      node: EDGE_SERVICE,
      service: EDGE_SERVICE,
      proxy: proxySettings.parse(undefined),
    }),
    ports: [
      // The numbers that clients see: Consul matches a host with the port of its listener, or with none.
      { name: 'http', containerPort: edge.httpNodePort },
      { name: 'https', containerPort: edge.httpsNodePort },
      { name: 'ready', containerPort: SIDECAR_READY_PORT },
    ],
    readinessProbe: { httpGet: ready, periodSeconds: 2, timeoutSeconds: 1 },
    // Ready needs Consul: an hour of Consul being away must not become a restart loop.
    livenessProbe: { httpGet: ready, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 360 },
    lifecycle: { preStop: { sleep: { seconds: LEAVING_SECONDS } } as k8s.LifecycleHandler },
    resources: resourcesOf(edge.resources),
    volumeMounts: [{ name: SIDECAR_VOLUME, mountPath: SIDECAR_MOUNT, readOnly: true }],
  };
}
