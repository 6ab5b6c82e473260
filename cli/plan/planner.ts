import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import { KubeError } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { deployments, meshServices, namespaces, pods } from '../../clients/kube/resources.ts';
import type { Pod } from '../../crds/kubernetes.ts';
import { type MeshService, consulName } from '../../crds/mesh-service.ts';
import type { DefaultAccess } from '../../mesh/service/default-access.ts';
import { desiredState } from '../../mesh/service/desired.ts';
import { diff } from '../../mesh/catalog/diff.ts';
import { hostPortProblems } from '../../mesh/traffic/host-port.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { intentOf } from '../../mesh/service/intent.ts';
import { LABEL_MESH_SERVICE, LABEL_POD_SECURITY } from '../../mesh/names/names.ts';
import type { Plan } from '../../mesh/catalog/plan.ts';
import { olderFirst, overlapMessage, rivalsOf } from '../../mesh/service/overlap.ts';
import { type PodFacts, podFacts } from '../../mesh/service/pod.ts';
import { trafficProblems } from '../../mesh/traffic/problems/problems.ts';
import type { Neighbourhood } from '../../mesh/traffic/problems/problem.ts';
import { servicesOf } from '../../mesh/traffic/subset.ts';
import { type MayClaim, readActual } from '../../operator/catalog/catalog.ts';
import { type HeldMeshService, type RawMeshService, holdMeshService } from '../../operator/world/held-mesh-service.ts';
import { mayClaimOver } from '../../operator/catalog/may-claim.ts';
import { placeOf } from '../../operator/catalog/place.ts';
import { type Deployment, envOf } from '../check/look.ts';
import { judgeApply } from '../judge-apply.ts';
import { sentence } from '../sentence.ts';
import { installationMode } from '../installation-mode.ts';
import { nothingThere } from '../nothing-there.ts';
import type { Asked } from './asked.ts';
import { planDoors } from './plan-doors.ts';

export interface Planned {
  /** namespace/name */
  key: string;
  /** Why kubectl apply would not take it. */
  refusals: string[];
  /** undefined: it would be refused, or cannot be read. */
  plan: Plan | undefined;
  /** The change of the NetworkPolicy; undefined: none. */
  policy?: string | undefined;
  /** Faults to mend, and warnings. */
  problems: string[];
}

export interface Planner {
  /** Plans the MeshServices of the namespace as they are. */
  ofNamespace(): AsyncGenerator<Planned>;
  /** Judges the objects one after the other, as kubectl apply takes them. A refusal does not stop at the first. */
  ofFiles(asked: Asked[]): AsyncGenerator<Planned>;
}

/** `clusterName` defaults to the name in the operator's Deployment. Throws a sentence when that cannot be read. */
export async function planner(kube: KubeClient, consul: Consul, clusterName: string | undefined): Promise<Planner> {
  const operator = await operatorOf(kube);
  const cluster = clusterName ?? envOf(operator, 'LANDBRIDGE_CLUSTER');
  if (cluster === undefined)
    throw new Error(
      `the name of this cluster cannot be read from the Deployment ${NAMESPACE}/landbridge-operator: say it with --cluster`,
    );
  const standard: DefaultAccess = envOf(operator, 'LANDBRIDGE_DEFAULT_ACCESS') === 'Mesh' ? 'Mesh' : 'None';
  const { mode } = await installationMode(kube, operator);
  const hold = (raw: object): HeldMeshService => holdMeshService(raw as RawMeshService, undefined, standard);
  /** All MeshServices as they are when the next object of a file is applied. */
  const world = new Map<string, HeldMeshService>();
  for (const raw of (await kube.list<RawMeshService>(meshServices, {})).items)
    world.set(keyOf(raw.metadata), hold(raw));
  const around = neighbourhood(cluster, world);
  // A user who may not read the installation's Namespace gets the plan as it is without a permission.
  const mayClaim: MayClaim = (namespace, service) =>
    mayClaimOver(kube)(namespace, service).catch((error: unknown) => {
      if (error instanceof KubeError && error.code === 403) return false;
      throw error;
    });
  const securities = new Map<string, Promise<string | undefined>>();

  /** As the webhook warns of it: the labels of the pods of the others are not asked for. */
  function overlaps(meshService: MeshService, own: PodFacts[]): { message: string }[] {
    const near = [...world.values()]
      .filter(({ metadata }) => metadata.namespace === meshService.metadata.namespace)
      .flatMap((held) => held.meshService ?? []);
    const labels = own.map((pod) => pod.labels);
    return rivalsOf(meshService, near, (one) => (one === meshService ? labels : [])).map((rival) => {
      const [older, younger] = [meshService, rival].sort(olderFirst);
      return { message: overlapMessage(older!, younger!) };
    });
  }

  async function planOf(held: HeldMeshService): Promise<Planned> {
    const { metadata, meshService, invalid } = held;
    const { namespace = '', name } = metadata;
    const key = `${namespace}/${name}`;
    if (meshService === undefined)
      return { key, refusals: [], plan: undefined, problems: [invalid ?? 'it cannot be read'] };
    const live = await kube.list<Pod & { metadata: object }>(pods, {
      namespace,
      labelSelector: `${LABEL_MESH_SERVICE}=${name}`,
    });
    const podSecurity = await (securities.get(namespace) ??
      remember(securities, namespace, securityOf(kube, namespace)));
    const facts = live.items.map((pod) => podFacts(pod));
    const versions = (): (string | undefined)[] => facts.map(({ version }) => version);
    const intent = intentOf(held, { ...around, versions }, { pods: facts, podSecurity });
    const desired = desiredState(intent);
    const plan = diff(desired, await readActual(consul, placeOf(intent), mayClaim), desired.owner);
    const doors = await planDoors(kube, meshService, facts, mode);
    const problems = [
      ...desired.problems,
      ...(intent.problems ?? []),
      ...hostPortProblems(meshService, podSecurity),
      ...unreached(meshService),
      ...overlaps(meshService, facts),
    ];
    const told = [...problems.map(({ message }) => message), ...doors.warnings];
    return { key, refusals: [], plan, policy: doors.change, problems: [...new Set(told)] };
  }

  return {
    async *ofNamespace() {
      const mine = [...world.values()].filter(({ metadata }) => metadata.namespace === kube.namespace);
      if (mine.length === 0) throw new Error(await nothingThere(kube, undefined));
      for (const held of mine) yield await planOf(held);
    },
    async *ofFiles(asked) {
      const taken = new Map<string, HeldMeshService>();
      const judged = new Map<string, string[]>();
      for (const one of asked) {
        const key = keyOf({ ...one.object.metadata, namespace: one.namespace });
        const { after, refusals } = await judge(kube, one, around, hold);
        judged.set(key, [...(judged.get(key) ?? []), ...refusals]);
        if (after !== undefined) world.set(key, after);
        if (after !== undefined) taken.set(key, after);
      }
      // The plans come last, as if every file were applied.
      for (const [key, refusals] of judged) {
        const held = taken.get(key);
        if (held === undefined || refusals.length > 0) yield { key, refusals, plan: undefined, problems: [] };
        else
          yield await planOf(held).catch((error: unknown) => ({
            key,
            refusals: [],
            plan: undefined,
            problems: [sentence(error)],
          }));
      }
    },
  };
}

/** The API server's answer to a dry run in a namespace that the files themselves make. */
const NO_NAMESPACE = /^namespaces "[^"]+" not found/;

/** The webhook at the server sees the other MeshServices as they are. Here they are as the earlier files leave them. */
async function judge(
  kube: KubeClient,
  { namespace, withNamespace, object, refusal }: Asked,
  around: Neighbourhood,
  hold: (raw: object) => HeldMeshService,
): Promise<{ after: HeldMeshService | undefined; refusals: string[] }> {
  if (refusal !== '') return { after: undefined, refusals: [refusal] };
  const judgement = await judgeApply(kube, object, namespace).catch((error: unknown) => {
    if (error instanceof KubeError && error.code > 0) return sentence(error);
    throw error;
  });
  if (typeof judgement === 'string') return { after: undefined, refusals: [judgement] };
  const { before } = judgement;
  const comes = withNamespace && NO_NAMESPACE.test(judgement.refusal?.message ?? '');
  if (judgement.refusal !== undefined && !judgement.refusal.byWebhook && !comes)
    return { after: undefined, refusals: [judgement.refusal.message] };
  const asked = { ...object, metadata: { ...before?.metadata, ...object.metadata, namespace } };
  const status = (before as { status?: unknown } | undefined)?.status;
  const after = hold(judgement.after ?? { ...asked, ...(status === undefined ? {} : { status }) });
  if (after.meshService === undefined) return { after, refusals: [] };
  const was = before && hold(before).meshService;
  const refused = trafficProblems(after.meshService, around, was).filter(({ weight }) => weight === 'refuse');
  return refused.length > 0
    ? { after: undefined, refusals: refused.map(({ message }) => message) }
    : { after, refusals: [] };
}

const keyOf = ({ namespace, name }: { namespace?: string; name: string }): string => `${namespace ?? ''}/${name}`;

function neighbourhood(cluster: string, world: ReadonlyMap<string, HeldMeshService>): Neighbourhood {
  const all = (): MeshService[] => [...world.values()].flatMap(({ meshService }) => meshService ?? []);
  return {
    cluster,
    named: (service) => all().filter((meshService) => consulName(meshService) === service),
    joining: (service) => all().filter(({ spec }) => servicesOf(spec.traffic).includes(service)),
    names: () => all().map(consulName),
  };
}

/** undefined: it is not there, or we may not look. */
async function operatorOf(kube: KubeClient): Promise<Deployment | undefined> {
  return unlessForbidden(kube.get<Deployment>(deployments, 'landbridge-operator', NAMESPACE));
}

async function securityOf(kube: KubeClient, namespace: string): Promise<string | undefined> {
  const found = await unlessForbidden(kube.get<KubeObject>(namespaces, namespace));
  return (found?.metadata as { labels?: Record<string, string> } | undefined)?.labels?.[LABEL_POD_SECURITY];
}

const unlessForbidden = <T>(asked: Promise<T | undefined>): Promise<T | undefined> =>
  asked.catch((error: unknown) => {
    if (error instanceof KubeError && error.code === 403) return undefined;
    throw error;
  });

function remember<T>(held: Map<string, Promise<T>>, key: string, value: Promise<T>): Promise<T> {
  held.set(key, value);
  return value;
}

/** Conditions of the operator that no plan can mend. */
const unreached = ({ status }: MeshService): { message: string }[] =>
  (status?.conditions ?? []).filter(({ type, status: is }) => type === 'Reachable' && is === 'False');
