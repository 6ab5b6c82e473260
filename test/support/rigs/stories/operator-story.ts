import fc from 'fast-check';
import type { Consul } from '../../../../clients/consul/consul.ts';
import type { KubeClient } from '../../../../clients/kube/client.ts';
import type { KubeObject } from '../../../../clients/kube/object.ts';
import { meshServices, pods } from '../../../../clients/kube/resources.ts';
import { type MeshService, consulName, parseMeshService } from '../../../../crds/mesh-service.ts';
import type { Pod } from '../../../../crds/kubernetes.ts';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { CONFIG_KINDS } from '../../../../mesh/catalog/entry.ts';
import { OWNER_META, configKey } from '../../../../mesh/catalog/entry.ts';
import { equal } from '../../../../mesh/equal.ts';
import { meshServiceOwner, podsNode, podsNodePrefix } from '../../../../mesh/names/names.ts';
import { podFacts } from '../../../../mesh/service/pod.ts';

/** What happens to an operator: users and kubelets change things, its surroundings fail and come back. */
export type Happening =
  | { do: 'declare'; name: string; service: string; protocol: 'tcp' | 'http' }
  | { do: 'remove'; name: string }
  | { do: 'pod'; name: string; of: string; ready: boolean }
  | { do: 'flip'; name: string; ready: boolean }
  | { do: 'relabel'; name: string; app: string }
  | { do: 'deletePod'; name: string }
  | { do: 'vandal'; name: string }
  | { do: Fault };

/**
 * `consulFrozen`: connections stay, and no answer comes; what was asked may have been done. `consulEmpty`: it comes back
 * with nothing but its ACLs. `operatorRestart`: the one that runs is killed, in the middle of whatever it does.
 */
const FAULTS = ['consulAway', 'consulFrozen', 'consulEmpty', 'consulBack', 'kubeRestart', 'operatorRestart'] as const;
type Fault = (typeof FAULTS)[number];

/** The parts of a story: fakes, or real ones. */
export interface Stage extends Record<Fault, () => Promise<void>> {
  kube: KubeClient;
  /** The administrator's. */
  consul: Consul;
}

const NAMESPACE = 'shop';
const CLUSTER = 'lab';

const meshServiceName = fc.constantFrom('a', 'b');
const podName = fc.constantFrom('p1', 'p2', 'p3');

/** Two names that may collide, three pods that move between them. */
export const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('declare' as const),
      name: meshServiceName,
      service: fc.constantFrom('s1', 's2', 's3'),
      protocol: fc.constantFrom('tcp' as const, 'http' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), name: meshServiceName }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pod' as const), name: podName, of: meshServiceName, ready: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('flip' as const), name: podName, ready: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('relabel' as const), name: podName, app: fc.constantFrom('a', 'b', 'no') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deletePod' as const), name: podName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('vandal' as const), name: meshServiceName }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom(...FAULTS) }) },
);

/** Once left the name s2 claimed for ever: the operator died between what it wrote to Consul and what it said of it. */
export const NAME_LEFT_BEHIND: Happening[] = [
  { do: 'pod', name: 'p3', of: 'b', ready: false },
  { do: 'kubeRestart' },
  { do: 'deletePod', name: 'p1' },
  { do: 'declare', name: 'b', service: 's2', protocol: 'http' },
  { do: 'flip', name: 'p1', ready: false },
  { do: 'flip', name: 'p2', ready: false },
  { do: 'pod', name: 'p2', of: 'a', ready: false },
  { do: 'declare', name: 'b', service: 's3', protocol: 'http' },
  { do: 'vandal', name: 'a' },
  { do: 'consulBack' },
  { do: 'operatorRestart' },
];

/** Entries of an earlier life of an operator: of `name` under a service name that neither object nor status tells of. */
export async function leaveBehind({ consul }: Pick<Stage, 'consul'>, name: string, service: string): Promise<void> {
  const Meta = { [OWNER_META]: meshServiceOwner(CLUSTER, NAMESPACE, name) };
  const outcomes = await consul.apply([
    { op: 'set-config', entry: { Kind: 'service-defaults', Name: service, Protocol: 'http', Meta }, modifyIndex: 0 },
    { op: 'set-config', entry: { Kind: 'service-resolver', Name: service, Meta }, modifyIndex: 0 },
    {
      op: 'set-config',
      entry: { Kind: 'service-intentions', Name: service, Sources: [{ Name: '*', Action: 'allow' }], Meta },
      modifyIndex: 0,
    },
    {
      op: 'set-node',
      node: {
        Node: podsNode(CLUSTER, NAMESPACE, name),
        Address: '127.0.0.1',
        Meta: { 'synthetic-node': 'true', ...Meta },
      },
    },
  ]);
  const refused = outcomes.find(({ ok }) => !ok);
  if (refused !== undefined) throw new Error(JSON.stringify(refused));
}

/** Makes one thing happen. An impossible one (a pod that is there, an API server that is away) does not. */
export async function happens(stage: Stage, one: Happening): Promise<void> {
  const { kube, consul } = stage;
  try {
    switch (one.do) {
      case 'declare':
        await kube.apply(meshServices, {
          metadata: { name: one.name, namespace: NAMESPACE },
          spec: {
            service: one.service,
            protocol: one.protocol,
            port: 8080,
            workloads: { pods: { selector: { matchLabels: { app: one.name } } } },
          },
        });
        return;
      case 'remove':
        await kube.delete(meshServices, one.name, NAMESPACE);
        return;
      case 'pod':
        await kube.create(pods, injectedPod(one.name, one.of));
        return void (await setReady(kube, one.name, one.ready));
      case 'flip':
        return void (await setReady(kube, one.name, one.ready));
      case 'relabel':
        return void (await kube.patchMerge(pods, one.name, NAMESPACE, { metadata: { labels: { app: one.app } } }));
      case 'deletePod':
        await kube.delete(pods, one.name, NAMESPACE, { gracePeriodSeconds: 0 });
        return;
      case 'vandal':
        await consul.apply([{ op: 'delete-node', node: podsNode(CLUSTER, NAMESPACE, one.name) }]);
        return;
      default:
        await stage[one.do]();
    }
  } catch (error) {
    if (!['KubeError', 'ConsulUnavailable'].includes((error as Error).name)) throw error;
  }
}

const injectedPod = (name: string, of: string): KubeObject => ({
  metadata: {
    name,
    namespace: NAMESPACE,
    labels: { app: of, 'landbridge.dev/mesh-service': of },
    annotations: { 'landbridge.dev/injected': 'true' },
  },
  spec: {
    containers: [{ name: 'app', image: 'app:1' }],
    automountServiceAccountToken: false,
    serviceAccountName: 'none',
  },
});

function setReady(kube: KubeClient, name: string, ready: boolean): Promise<KubeObject> {
  const ip = `10.0.0.${name.slice(1)}`;
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' };
  return kube.patchStatus(pods, name, NAMESPACE, {
    phase: 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    conditions: [condition],
  });
}

/**
 * Throws a sentence about what is not yet as it must be. Of several MeshServices that want one name exactly one has it and
 * holds what it asks for; whoever has it not holds nothing; nothing else is left of what ever was there.
 */
export async function mustBeRight({ kube, consul }: Stage): Promise<void> {
  const [declared, alive] = await Promise.all([
    kube.list<KubeObject>(meshServices, { namespace: NAMESPACE }),
    kube.list<KubeObject>(pods, { namespace: NAMESPACE }),
  ]);
  const objects = declared.items.map((item) => parseMeshService(item as unknown as MeshService));
  const claims = await consul.listConfig('service-defaults');
  const ownerOf = (service: string) => claims.find(({ entry }) => entry.Name === service)?.entry.Meta[OWNER_META];
  const expectedNodes = new Set<string>();
  const expectedConfig = new Set<string>();
  for (const meshService of objects) {
    const { name } = meshService.metadata;
    if (meshService.metadata.deletionTimestamp !== undefined) throw new Error(`${name} is not let go`);
    const service = consulName(meshService);
    const rivals = objects.filter((other) => consulName(other) === service);
    const owner = ownerOf(service);
    if (!rivals.some((rival) => owner === meshServiceOwner(CLUSTER, NAMESPACE, rival.metadata.name)))
      throw new Error(`${service} is held by ${owner}, which no MeshService asks for`);
    const ready = meshService.status?.conditions?.find(({ type }) => type === 'Synced');
    if (owner !== meshServiceOwner(CLUSTER, NAMESPACE, name)) {
      if (ready?.reason !== 'NameOwnedByAnother')
        throw new Error(`${name} does not say that it has lost: ${ready?.reason}`);
      continue;
    }
    if (ready?.status !== 'True') throw new Error(`${name} does not say that it is in order: ${ready?.message}`);
    const facts = alive.items.map((pod) => podFacts(pod as unknown as Pod)).filter((pod) => pod.meshService === name);
    const intent = { cluster: CLUSTER, namespace: NAMESPACE, name, meshService, pods: facts, formerServices: [] };
    const desired = desiredState(intent);
    const held = await consul.readNode(desired.node!.Node);
    if (!equal(held, desired.node)) throw new Error(`${name}: node ${JSON.stringify(held)}`);
    for (const [key, entry] of Object.entries(desired.config)) {
      expectedConfig.add(key);
      const found = await consul.readConfig(entry.Kind, entry.Name);
      if (!equal(found?.entry, entry)) throw new Error(`${key} is ${JSON.stringify(found)}`);
    }
    expectedNodes.add(desired.node!.Node);
  }
  const nodes = (await consul.listNodes(`${podsNodePrefix(CLUSTER)}${NAMESPACE}.`)).map(({ name }) => name);
  const config = (await Promise.all(CONFIG_KINDS.map((kind) => consul.listConfig(kind)))).flat();
  const left = [
    ...nodes.filter((name) => !expectedNodes.has(name)),
    ...config.map(({ entry }) => configKey(entry)).filter((key) => !expectedConfig.has(key)),
  ];
  if (left.length > 0) throw new Error(`left over: ${left.join(', ')}`);
}
