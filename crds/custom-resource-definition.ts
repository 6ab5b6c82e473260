import { EDGE_SERVICE } from './expose.ts';
import { GATEWAY_SERVICE } from './gateway.ts';
import { API_VERSION, GROUP, VERSION, meshServiceSpec } from './mesh-service.ts';
import { structuralSchema } from './structural-schema.ts';

const counts = (extra: Record<string, unknown> = {}) => ({
  type: 'object',
  properties: { ready: { type: 'integer' }, total: { type: 'integer' }, ...extra },
});

const condition = {
  type: 'object',
  required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
  properties: {
    type: { type: 'string' },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
    reason: { type: 'string' },
    message: { type: 'string' },
    lastTransitionTime: { type: 'string', format: 'date-time' },
    observedGeneration: { type: 'integer', format: 'int64' },
  },
};

const status = {
  type: 'object',
  // kstatus takes an object without a status for one that is done, so a new object has to say that nobody has looked at it yet.
  // https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus
  default: { observedGeneration: -1 },
  properties: {
    observedGeneration: { type: 'integer', format: 'int64' },
    conditions: {
      type: 'array',
      items: condition,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    },
    instances: {
      type: 'object',
      properties: { pods: counts({ withoutSidecar: { type: 'integer' } }), external: counts() },
    },
    pods: { type: 'string' },
    vms: { type: 'string' },
    consul: { type: 'object', properties: { service: { type: 'string' }, node: { type: 'string' } } },
  },
};

/** The CustomResourceDefinition of MeshService, from the one zod schema. */
export function meshServiceCrd() {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `meshservices.${GROUP}`, labels: { 'app.kubernetes.io/part-of': 'landbridge' } },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: 'MeshService',
        listKind: 'MeshServiceList',
        plural: 'meshservices',
        singular: 'meshservice',
        shortNames: ['mesh', 'msvc'],
        categories: ['landbridge'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            { name: 'Protocol', type: 'string', jsonPath: '.spec.protocol' },
            { name: 'Pods', type: 'string', jsonPath: '.status.pods', description: 'ready/all' },
            { name: 'VMs', type: 'string', jsonPath: '.status.vms', description: 'ready/all' },
            { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
            { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: `MeshService (${API_VERSION}) says what a service of the mesh is, wherever its instances run.`,
              required: ['spec'],
              'x-kubernetes-validations': [
                {
                  rule: "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",
                  message: 'metadata.name is also a name in Consul: at most 63 lower-case letters, digits and dashes',
                },
                {
                  // Consul's own name, and the names of other services' proxies: a token for them would be theirs.
                  rule: `!((has(self.spec.service) ? self.spec.service : self.metadata.name) in ['consul', '${EDGE_SERVICE}', '${GATEWAY_SERVICE}'] || (has(self.spec.service) ? self.spec.service : self.metadata.name).endsWith('-sidecar-proxy'))`,
                  message:
                    'the name in Consul may not be "consul", "landbridge-edge" or "landbridge-gateway", nor end in "-sidecar-proxy": give spec.service another name',
                },
                {
                  // A Secret and a Consul node are called after it: in one namespace those of a gateway are the same.
                  rule: `!(self.metadata.name in ['${EDGE_SERVICE}', '${GATEWAY_SERVICE}'])`,
                  message:
                    'metadata.name may not be "landbridge-edge" or "landbridge-gateway": the gateways go by them',
                },
              ],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structuralSchema(meshServiceSpec),
                status,
              },
            },
          },
        },
      ],
    },
  };
}
