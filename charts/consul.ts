import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import {
  CONSUL_GRPC_TLS_PORT,
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_SERVICE,
  CONSUL_SERVICE,
  CONSUL_XDS_SERVICE,
  NAMESPACE,
  SECRETS,
} from '../mesh/installation.ts';
import { CONSUL_DATA_DIRECTORY, CONSUL_GOSSIP_FILE, CONSUL_TLS_DIRECTORY, consulConfig } from './consul-config.ts';
import { labels, selectorLabels } from './labels.ts';
import { podSelector, podTemplate, resourcesOf, serviceAccountName } from './pod.ts';
import { shortHash } from './short-hash.ts';
import type { Values } from './values.ts';

const CONFIG_MAP = 'landbridge-consul-config';
const CONFIG_DIRECTORY = '/consul/config';
const CONFIG_KEY = 'server.json';

/**
 * One Consul server with a volume. It starts once the bootstrap job made its certificate. A pod that comes back with
 * another address takes its data up again; meanwhile running sidecars go on with what they know.
 */
export function addConsul(scope: Construct, values: Values): void {
  const config = JSON.stringify(consulConfig(values), null, 2);
  new k8s.KubeServiceAccount(scope, 'consul-account', {
    metadata: { name: serviceAccountName('consul'), namespace: NAMESPACE, labels: labels('consul') },
    automountServiceAccountToken: false,
  });
  new k8s.KubeConfigMap(scope, 'consul-config', {
    metadata: { name: CONFIG_MAP, namespace: NAMESPACE, labels: labels('consul') },
    data: { [CONFIG_KEY]: config },
  });
  addServices(scope, values);
  new k8s.KubeStatefulSet(scope, 'consul', {
    metadata: { name: CONSUL_SERVER_SERVICE, namespace: NAMESPACE, labels: labels('consul') },
    spec: {
      replicas: 1,
      serviceName: CONSUL_SERVER_SERVICE,
      selector: podSelector('consul'),
      template: podTemplate('consul', values, {
        talksToKubernetes: false,
        // Consul reads its file at start only.
        annotations: { 'landbridge.dev/config-hash': shortHash(config) },
        terminationGracePeriodSeconds: 10,
        container: serverContainer(values),
        volumes: [
          { name: 'config', configMap: { name: CONFIG_MAP } },
          { name: 'tls', secret: { secretName: SECRETS.consulServer, defaultMode: 0o440 } },
        ],
      }),
      volumeClaimTemplates: [
        {
          metadata: { name: 'data', labels: selectorLabels('consul') },
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: values.consul.storageClass,
            resources: { requests: { storage: k8s.Quantity.fromString(values.consul.storage) } },
          },
        },
      ],
    },
  });
}

function serverContainer(values: Values): k8s.Container {
  const https = (path: string): k8s.HttpGetAction => ({ scheme: 'HTTPS', path, port: port('https') });
  return {
    name: 'consul',
    image: values.images.consul,
    command: ['consul', 'agent'],
    args: [
      `-config-file=${CONFIG_DIRECTORY}/${CONFIG_KEY}`,
      `-config-file=${CONSUL_GOSSIP_FILE}`,
      '-advertise=$(POD_IP)',
      '-node=$(POD_NAME)',
    ],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ],
    ports: [
      { name: 'https', containerPort: CONSUL_HTTPS_PORT },
      { name: 'grpc-tls', containerPort: CONSUL_GRPC_TLS_PORT },
      { name: 'rpc', containerPort: 8300 },
      { name: 'serf', containerPort: 8301 },
      { name: 'serf-udp', containerPort: 8301, protocol: 'UDP' },
    ],
    // Open to all, and answered only with a leader and a mesh CA: the two things clients need.
    readinessProbe: { httpGet: https('/v1/connect/ca/roots'), periodSeconds: 2, timeoutSeconds: 2 },
    // Answered with and without a leader: a restart would not bring one.
    livenessProbe: {
      httpGet: https('/v1/status/leader'),
      initialDelaySeconds: 10,
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    resources: resourcesOf(values.consul.resources),
    volumeMounts: [
      { name: 'data', mountPath: CONSUL_DATA_DIRECTORY },
      { name: 'config', mountPath: CONFIG_DIRECTORY, readOnly: true },
      { name: 'tls', mountPath: CONSUL_TLS_DIRECTORY, readOnly: true },
    ],
  };
}

function addServices(scope: Construct, values: Values): void {
  const https: k8s.ServicePort = { name: 'https', port: CONSUL_HTTPS_PORT, targetPort: port('https') };
  const grpc: k8s.ServicePort = { name: 'grpc-tls', port: CONSUL_GRPC_TLS_PORT, targetPort: port('grpc-tls') };
  const add = (id: string, name: string, spec: k8s.ServiceSpec) =>
    new k8s.KubeService(scope, id, {
      metadata: { name, namespace: NAMESPACE, labels: labels('consul') },
      spec: { selector: selectorLabels('consul'), ...spec },
    });
  add('consul-service', CONSUL_SERVICE, { ports: [https, grpc] });
  // The StatefulSet's own: a stable name for the server, ready or not.
  add('consul-server-service', CONSUL_SERVER_SERVICE, {
    clusterIp: 'None',
    publishNotReadyAddresses: true,
    ports: [https, grpc],
  });
  if (values.bridge.enabled) {
    // Sidecars outside the cluster ask for their configuration here.
    add('consul-xds-service', CONSUL_XDS_SERVICE, {
      type: 'NodePort',
      ports: [{ ...grpc, nodePort: values.consul.xdsNodePort }],
    });
  }
}

const port = (name: string): k8s.IntOrString => k8s.IntOrString.fromString(name);
