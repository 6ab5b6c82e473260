import { z } from 'zod';
import { OPERATOR_MEMORY_LIMIT } from '../../mesh/installation/installation.ts';
import { consul, externalConsul } from './consul.ts';
import {
  exposure,
  hostPattern,
  hostPort,
  name,
  namespaceName,
  nodePort,
  resources,
  sidecar,
  texts,
  toleration,
} from './fields.ts';
import { images } from './images.ts';

/** The keys of a values file, each with its default and its purpose. */

const priorityClass = z
  .strictObject({
    create: z.boolean().default(true).describe('Make the class. Otherwise it has to be there.'),
    name: name.default('landbridge-control-plane').describe('Priority class of all pods of the installation.'),
    value: z
      .int()
      .min(-1_000_000_000)
      .max(1_000_000_000)
      .default(1_000_000)
      .describe('Pods of lower value make room for these.'),
  })
  .prefault({});

const operator = z
  .strictObject({
    replicas: z
      .int()
      .min(1)
      .max(5)
      .default(2)
      .describe('One leads; all answer the admission webhook, so with 2 a node may go.'),
    verifySeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(30)
      .describe('How often what Consul holds is compared with what it should hold.'),
    resources: resources('50m', '96Mi', OPERATOR_MEMORY_LIMIT),
  })
  .prefault({});

const webhook = z
  .strictObject({
    failurePolicy: z
      .enum(['Fail', 'Ignore'])
      .default('Fail')
      .describe('Of new pods in mesh namespaces while no operator answers: refused, or let in without a sidecar.'),
    timeoutSeconds: z.int().min(1).max(30).default(5).describe('How long the API server waits for an answer.'),
  })
  .prefault({});

const bridge = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Whether machines outside the cluster may join.'),
    replicas: z
      .int()
      .min(1)
      .max(3)
      .default(1)
      .describe('One bridge is active; the others stand by, and the next takes over within 20 s.'),
    exposure: exposure('the bridge'),
    nodePort: nodePort.default(30443).describe('Port on every node, with bridge.exposure NodePort.'),
    serviceAnnotations: texts.default({}).describe('Annotations of the Service, for a load balancer for instance.'),
    advertise: z
      .array(hostPort)
      .default([])
      .describe('host:port list under which machines outside the cluster reach the bridge. Needed with the bridge.'),
    leaseSeconds: z
      .int()
      .min(2)
      .max(300)
      .default(6)
      .describe('A machine that was silent for so long gets no traffic any longer.'),
    deregisterAfterHours: z
      .int()
      .min(1)
      .max(8760)
      .default(72)
      .describe('A machine that died leaves the catalog after so long.'),
    resources: resources('50m', '96Mi', '256Mi'),
  })
  .prefault({});

const edge = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Whether MeshServices may be exposed to those outside the mesh.'),
    replicas: z.int().min(1).max(20).default(2).describe('Envoys that serve what is exposed.'),
    exposure: exposure('what is exposed'),
    httpNodePort: nodePort.default(30800).describe('Port on every node for plain HTTP, with edge.exposure NodePort.'),
    httpsNodePort: nodePort.default(30843).describe('Port on every node for HTTPS, with edge.exposure NodePort.'),
    serviceAnnotations: texts.default({}).describe('Annotations of the Service, for a load balancer for instance.'),
    hosts: z
      .record(hostPattern, z.array(namespaceName))
      .default({})
      .describe(
        'Which namespaces may expose a host: a map from shop.example, *.shop.example or * (all else) to lists of namespaces. Default: a host is of the namespace that was the first to expose it.',
      ),
    resources: resources('50m', '64Mi', '256Mi'),
  })
  .prefault({});

const gateway = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe('Whether the mesh may call instances without a sidecar through a terminating gateway.'),
    replicas: z.int().min(1).max(20).default(2).describe('Envoys that call instances without a sidecar.'),
    resources: resources('50m', '64Mi', '256Mi'),
  })
  .prefault({});

const metrics = z
  .strictObject({
    annotations: z
      .boolean()
      .default(true)
      .describe(
        'Annotate the pods with prometheus.io/scrape, port and path, for a Prometheus that finds pods by them.',
      ),
    podMonitor: z
      .strictObject({
        enabled: z
          .boolean()
          .default(false)
          .describe('Make a PodMonitor for the Prometheus Operator, whose CRDs must be there.'),
        interval: z
          .string()
          .regex(/^[1-9]\d*(s|m)$/, 'is no number of seconds or minutes such as 30s')
          .default('30s')
          .describe('Time between two scrapes.'),
        labels: texts.default({}).describe('Labels by which your Prometheus selects its monitors.'),
      })
      .prefault({}),
  })
  .prefault({});

export const valuesSchema = z.strictObject({
  cluster: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'is no name of lower-case letters, digits and dashes')
    .default('lab')
    .describe('Name of this cluster in Consul: part of node names, so never change it.'),
  defaultAccess: z
    .enum(['None', 'Mesh'])
    .default('None')
    .describe(
      'Who may call the services whose MeshService has no spec.access: nobody, or every service of the mesh. A MeshService with spec.access, be it empty, is not touched by it.',
    ),
  defaultMutualTLS: z
    .enum(['Auto', 'Strict', 'Permissive'])
    .default('Auto')
    .describe(
      'The mode of MeshServices that have no spec.mutualTLS: whether the ports of their apps are closed. Auto: Strict in an installation that was new with this value, and Permissive in one that was upgraded from a version without it; landbridge check says which.',
    ),
  createNamespace: z
    .boolean()
    .default(true)
    .describe('Make the namespace landbridge, unless the Helm release itself lies in it.'),
  images,
  imagePullPolicy: z
    .enum(['IfNotPresent', 'Always', 'Never'])
    .default('IfNotPresent')
    .describe('The pull policy of all images, the sidecar included.'),
  imagePullSecrets: z
    .array(name)
    .default([])
    .describe('Names of Secrets in the namespace landbridge. Pods of the mesh name their own.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('The log level of all processes.'),
  watchNamespaces: z
    .array(namespaceName)
    .refine((all) => new Set(all).size === all.length, 'names a namespace twice')
    .meta({ uniqueItems: true })
    .default([])
    .describe(
      'Namespaces to look after, which have to be there; the rights on pods, Secrets and MeshServices end with them. Empty: all.',
    ),
  nodeSelector: texts.default({}).describe('Labels of the nodes to run on.'),
  tolerations: z.array(toleration).default([]).describe('Taints to run in spite of.'),
  affinity: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Affinity of all pods of the installation, as a pod has it.'),
  topologyKey: z
    .string()
    .min(1)
    .default('kubernetes.io/hostname')
    .describe('Node label over whose values replicas are spread, such as topology.kubernetes.io/zone.'),
  podAnnotations: texts.default({}).describe('Annotations of all pods of the installation.'),
  priorityClass,
  podDisruptionBudgets: z
    .boolean()
    .default(true)
    .describe('Let node drains take one replica at a time, where there are several.'),
  networkPolicies: z
    .boolean()
    .default(false)
    .describe('Let only the ports be reached that are meant to be. Needs a network plugin that enforces them.'),
  crds: z
    .strictObject({
      install: z.boolean().default(true).describe('Install and upgrade the CRDs with the chart.'),
      keep: z
        .boolean()
        .default(true)
        .describe('Leave the CRDs, and with them all MeshServices, when Helm uninstalls the chart.'),
    })
    .prefault({}),
  operator,
  sidecar,
  webhook,
  bridge,
  edge,
  gateway,
  metrics,
  consul,
  externalConsul,
});

export type ValuesInput = z.input<typeof valuesSchema>;
export type Values = z.output<typeof valuesSchema>;
