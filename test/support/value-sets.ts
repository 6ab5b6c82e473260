import type { ValuesInput } from '../../charts/values/schema.ts';

const machines: ValuesInput = {
  bridge: { enabled: true, advertise: ['192.0.2.10:30443', '[2001:db8::1]:30443'] },
  consul: { advertise: ['192.0.2.10:30503'] },
};
const external: ValuesInput = {
  externalConsul: {
    enabled: true,
    addresses: ['consul-1.example:8501', 'consul-2.example:8501'],
    grpc: 'consul.example:8503',
    ca: { name: 'consul-ca' },
    token: { name: 'consul-token' },
  },
};

/** Value sets that people have. fast-check below makes the others. */
export const valueSets: [what: string, values: ValuesInput][] = [
  ['every default', {}],
  ['machines outside', machines],
  ['three servers', { ...machines, consul: { servers: 3, advertise: ['192.0.2.10:30503'], storageClass: 'fast' } }],
  ['external Consul', external],
  [
    'external Consul with machines and without ACL rights',
    { ...machines, externalConsul: { ...external.externalConsul, manageAcls: false } },
  ],
  [
    'load balancers',
    {
      ...machines,
      bridge: { ...machines.bridge, exposure: 'LoadBalancer', serviceAnnotations: { 'a.example/b': 'x: "y" <&>' } },
    },
  ],
  ['one operator and no budgets', { operator: { replicas: 1 }, podDisruptionBudgets: false }],
  [
    'placement',
    {
      nodeSelector: { pool: 'mesh' },
      tolerations: [{ key: 'a', operator: 'Exists', tolerationSeconds: 1_000_000 }],
      affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
    },
  ],
  [
    'sidecars of another size',
    {
      sidecar: {
        concurrency: 2,
        resources: { requests: { cpu: '', memory: '' }, limits: { cpu: '1.5', memory: '' } },
      },
    },
  ],
  ['some namespaces only', { ...machines, gateway: { enabled: true }, watchNamespaces: ['shop', 'books'] }],
  ['a single terminating gateway', { gateway: { enabled: true, replicas: 1 }, networkPolicies: true }],
  ['a mirror of images', { images: { registry: 'registry.example/mirror' }, imagePullSecrets: ['one', 'two'] }],
  [
    'maps of a single entry called value, as cdk8s wraps amounts',
    {
      edge: { enabled: true },
      nodeSelector: { value: 'a' },
      podAnnotations: { value: 'b' },
      tolerations: [{ value: '' }],
    },
  ],
  ['no amounts at all', { operator: { resources: { requests: { cpu: '', memory: '' }, limits: { memory: '' } } } }],
  [
    'everything watched and closed',
    { ...machines, networkPolicies: true, metrics: { podMonitor: { enabled: true, labels: { release: 'p' } } } },
  ],
  ['no annotations', { metrics: { annotations: false } }],
  [
    'annotations that override ours',
    { podAnnotations: { 'prometheus.io/port': '1', '{{ .Values.cluster }}': '{{ fail "no" }}' } },
  ],
];
