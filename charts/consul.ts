import { k8s } from 'cdk8s-plus-27';
import {
  CONSUL_DNS_PORT,
  CONSUL_DNS_SERVICE,
  CONSUL_GRPC_TLS_PORT,
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_SERVICE,
  CONSUL_SERVICE,
  CONSUL_XDS_SERVICE,
  NAMESPACE,
  SECRETS,
} from '../mesh/installation/installation.ts';
import {
  CONSUL_CA_FILE,
  CONSUL_DATA_DIRECTORY,
  CONSUL_DNS_FILE,
  CONSUL_GOSSIP_FILE,
  CONSUL_TLS_DIRECTORY,
  consulConfig,
  restartConfig,
} from './consul-config.ts';
import { labels, selectorLabels } from './labels.ts';
import { imageOf, podSelector, podTemplate, resourcesOf } from './pod.ts';
import { addServiceAccount } from './rbac.ts';
import {
  equal,
  every,
  hashOf,
  ifGiven,
  jsonOf,
  moreThan,
  quantity,
  type Parts,
  type Symbolic,
  when,
} from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

const CONFIG_MAP = 'landbridge-consul-config';
const CONFIG_DIRECTORY = '/consul/config';
const CONFIG_KEY = 'server.json';

/** Consul's autopilot lets a new server vote once it was well for 10 s, and looks every 10 s. */
const SECONDS_UNTIL_IT_VOTES = 20;

const { consul } = values;
const several = moreThan(consul.servers, 1);

/**
 * One or three Consul servers with a volume each. They start once the bootstrap job made their certificate. A pod that
 * comes back with another address takes its data up again; meanwhile running sidecars go on with what they know.
 */
export function addConsul(target: Target): void {
  const config = consulConfig();
  addServiceAccount(target, 'consul');
  target.add(k8s.KubeConfigMap, 'consul-config', {
    metadata: { name: CONFIG_MAP, namespace: NAMESPACE, labels: labels('consul') },
    data: { [CONFIG_KEY]: jsonOf(config) },
  });
  addServices(target);
  target.when(every(values.podDisruptionBudgets, several)).add(k8s.KubePodDisruptionBudget, 'consul-budget', {
    metadata: { name: CONSUL_SERVER_SERVICE, namespace: NAMESPACE, labels: labels('consul') },
    spec: { maxUnavailable: k8s.IntOrString.fromNumber(1), selector: podSelector('consul') },
  });
  target.add(k8s.KubeStatefulSet, 'consul', {
    metadata: { name: CONSUL_SERVER_SERVICE, namespace: NAMESPACE, labels: labels('consul') },
    spec: {
      replicas: consul.servers,
      // Three elect a leader together: none is ready alone. One keeps the default, so that what goes from one to three, or back,
      // without the upgrade job is refused: servers that leave unasked take the quorum along. See docs/adr/0050-*.md.
      podManagementPolicy: when<string>(several, 'Parallel'),
      // A new server votes 10 to 20 s after it came: the next one waits for that.
      minReadySeconds: when<number>(several, SECONDS_UNTIL_IT_VOTES),
      serviceName: CONSUL_SERVER_SERVICE,
      selector: podSelector('consul'),
      template: podTemplate('consul', {
        spread: true,
        talksToKubernetes: false,
        // Consul reads its file at start only.
        annotations: { 'landbridge.dev/config-hash': hashOf(restartConfig()) },
        terminationGracePeriodSeconds: 10,
        container: serverContainer(),
        volumes: [
          { name: 'config', configMap: { name: CONFIG_MAP } },
          // A snapshot is put together there, when it is taken and when it is restored.
          { name: 'tmp', emptyDir: {} },
          {
            name: 'tls',
            secret: {
              secretName: SECRETS.consulServer,
              defaultMode: 0o440,
              // A pod waits for a key that is not there yet, as one of an installation that had none.
              items: ['ca.crt', 'tls.crt', 'tls.key', 'gossip.json', 'dns.json'].map((key) => ({ key, path: key })),
            },
          },
        ],
      }),
      volumeClaimTemplates: [
        {
          metadata: { name: 'data', labels: selectorLabels('consul') },
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: ifGiven(consul.storageClass),
            resources: { requests: { storage: quantity(consul.storage) as Symbolic<k8s.Quantity> } },
          },
        },
      ],
    },
  });
}

function serverContainer(): Parts<k8s.Container> {
  const https = (path: string): k8s.HttpGetAction => ({ scheme: 'HTTPS', path, port: port('https') });
  return {
    name: 'consul',
    image: imageOf('consul'),
    command: ['consul', 'agent'],
    args: [
      `-config-file=${CONFIG_DIRECTORY}/${CONFIG_KEY}`,
      `-config-file=${CONSUL_GOSSIP_FILE}`,
      `-config-file=${CONSUL_DNS_FILE}`,
      '-advertise=$(POD_IP)',
      '-node=$(POD_NAME)',
    ],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      // For whoever runs `consul` in the pod: `kubectl exec landbridge-consul-server-0 -- consul members`.
      { name: 'CONSUL_HTTP_ADDR', value: `https://localhost:${CONSUL_HTTPS_PORT}` },
      { name: 'CONSUL_CACERT', value: CONSUL_CA_FILE },
    ],
    ports: [
      { name: 'https', containerPort: CONSUL_HTTPS_PORT },
      { name: 'grpc-tls', containerPort: CONSUL_GRPC_TLS_PORT },
      { name: 'dns', containerPort: CONSUL_DNS_PORT },
      { name: 'dns-udp', containerPort: CONSUL_DNS_PORT, protocol: 'UDP' },
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
    resources: resourcesOf(consul.resources),
    volumeMounts: [
      { name: 'data', mountPath: CONSUL_DATA_DIRECTORY },
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'config', mountPath: CONFIG_DIRECTORY, readOnly: true },
      { name: 'tls', mountPath: CONSUL_TLS_DIRECTORY, readOnly: true },
    ],
  };
}

function addServices(target: Target): void {
  const https: k8s.ServicePort = { name: 'https', port: CONSUL_HTTPS_PORT, targetPort: port('https') };
  const grpc: k8s.ServicePort = { name: 'grpc-tls', port: CONSUL_GRPC_TLS_PORT, targetPort: port('grpc-tls') };
  const metadataOf = (name: string) => ({ name, namespace: NAMESPACE, labels: labels('consul') });
  const selector = selectorLabels('consul');
  target.add(k8s.KubeService, 'consul-service', {
    metadata: metadataOf(CONSUL_SERVICE),
    spec: { selector, ports: [https, grpc] },
  });
  // Servers that are not ready are left out: one that has just started knows little, and would deny names.
  target.add(k8s.KubeService, 'consul-dns-service', {
    metadata: metadataOf(CONSUL_DNS_SERVICE),
    spec: {
      selector,
      ports: [
        { name: 'dns', port: 53, targetPort: port('dns') },
        { name: 'dns-udp', port: 53, protocol: 'UDP', targetPort: port('dns-udp') },
      ],
    },
  });
  // The StatefulSet's own: a stable name for each server, ready or not.
  target.add(k8s.KubeService, 'consul-server-service', {
    metadata: metadataOf(CONSUL_SERVER_SERVICE),
    spec: { selector, clusterIp: 'None', publishNotReadyAddresses: true, ports: [https, grpc] },
  });
  // Sidecars outside the cluster ask for their configuration here.
  target.when(values.bridge.enabled).add(k8s.KubeService, 'consul-xds-service', {
    metadata: { ...metadataOf(CONSUL_XDS_SERVICE), annotations: ifGiven(consul.serviceAnnotations) },
    spec: {
      type: consul.exposure,
      selector,
      ports: [{ ...grpc, nodePort: when<number>(equal(consul.exposure, 'NodePort'), consul.xdsNodePort) }],
    },
  });
}

const port = (name: string): k8s.IntOrString => k8s.IntOrString.fromString(name);
