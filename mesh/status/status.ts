import type { Condition } from '../../crds/kubernetes.ts';
import { type MeshServiceStatus } from '../../crds/mesh-service.ts';
import { type ConditionType, REASONS, type Reason } from '../../crds/reasons.ts';
import type { Desired, Intent } from '../service/desired.ts';
import { type ForeignChange, untouchedVerdict } from '../foreign/verdict.ts';
import { type Verdict, verdict } from './condition.ts';
import { podsNode } from '../names/names.ts';
import { type DoorsSeen, doorsVerdict } from '../doors/verdict.ts';
import { type ProxiesSeen, acceptsVerdict, mismatchedMessage, silentMessage } from '../proxies/verdict.ts';
import { injectedVerdict } from './injected.ts';
import { isSelected, noInstance, notReady, waitsForInstance } from './not-ready.ts';
import { type Outside, doubtSentence, withDown } from './outside.ts';
import { type ReachSeen, reachVerdict, withDoubt } from './reach.ts';
import type { Outcome, Plan } from '../catalog/plan.ts';
import { syncedVerdict } from './synced.ts';
import type { PodWithoutSidecar } from './without-sidecar.ts';

/** The facts beside the plan, which other parts of the operator gathered. */
export interface Seen {
  /** Pods that the selector matches and that have no sidecar; undefined = not looked up yet. */
  podsWithoutSidecar: PodWithoutSidecar[];
  namespaceEnabled: boolean;
  /** No workload of the namespace has a pod template that the selector matches. Default: one has, or nobody looked. */
  nobodyMakesPods?: boolean | undefined;
  /** Why pods that it selects cannot be made; undefined: nobody says so. */
  podsRefused?: string | undefined;
  /** Off-cluster instances of the name that may take part. */
  external: Outside;
  /** Why the edge gateway does not serve it although it asks for that; '' when it does, undefined while it has not judged it. */
  notExposed?: string | undefined;
  /** How its pods are reached from outside; undefined: nobody looked. */
  reach?: ReachSeen | undefined;
  /** The state of its proxies and of its callers'; undefined: nobody looked. */
  proxies?: ProxiesSeen | undefined;
  /** Facts about the ports that should be closed; undefined: nobody looked. */
  doors?: DoorsSeen | undefined;
  /** Why its instances without a sidecar cannot be called; '' when they can, undefined when it has none. */
  notLinked?: string | undefined;
  /** Config entries that somebody else has changed not long ago. Default: none is known. */
  foreign?: ForeignChange[] | undefined;
  /** Consul did not answer at all; the sentence says how. */
  consulDown: string | undefined;
  /** Another Kubernetes cluster holds this one's name in Consul; the sentence says which. */
  clusterTaken?: string;
  /** No token could be issued for the sidecars; the sentence says why. */
  tokenProblem: string | undefined;
}

/** Of a MeshService that this program cannot read: newer than it, or written under another schema. */
export function invalidStatus(
  previous: MeshServiceStatus | undefined,
  generation: number | undefined,
  problem: string,
  now: string,
): MeshServiceStatus {
  const message = `${REASONS.InvalidSpec} ${problem}`;
  const invalid: [ConditionType, Verdict][] = (['Ready', 'Synced'] as const).map((type) => [
    type,
    { status: 'False', reason: 'InvalidSpec', message },
  ]);
  return { ...previous, observedGeneration: generation, conditions: conditionsOf(invalid, previous, generation, now) };
}

/** The whole status of a MeshService. `now` is RFC 3339; a condition keeps its transition time while its status stays. */
export function statusOf(
  intent: Intent,
  desired: Desired,
  plan: Plan,
  outcomes: Outcome[],
  seen: Seen,
  now: string,
): MeshServiceStatus {
  const { status: previous, metadata: { generation } = {} } = intent.meshService ?? {};
  const live = intent.pods.filter((pod) => !pod.finished && isSelected(intent, pod));
  const { silent = [], mismatched = [] } = seen.proxies ?? {};
  const unanswering = new Set([...silent, ...mismatched].map(({ instance }) => instance)).size;
  const pods = {
    ready: Math.max(0, live.filter((pod) => pod.injected && pod.ready && !pod.terminating).length - unanswering),
    total: live.length + seen.podsWithoutSidecar.length,
    ...(seen.podsWithoutSidecar.length === 0 ? {} : { withoutSidecar: seen.podsWithoutSidecar.length }),
  };
  const synced = syncedVerdict(intent, desired, plan, outcomes, seen);
  const consul = heldName(intent, desired, plan, outcomes, seen);
  const verdicts: [ConditionType, Verdict][] = [
    ['Ready', readyVerdict(intent, synced, seen, pods.ready + seen.external.ready, pods.total + seen.external.total)],
    ['Synced', synced],
    ['Injected', injectedVerdict(intent, seen)],
    ...acceptsVerdictOf(seen, previous),
    ...exposedVerdict(intent, seen, previous),
    ...reachableVerdict(intent, desired, seen, previous),
    ...linkedVerdict(seen),
    ...enforcedVerdict(intent, seen, previous),
    ...namesVerdict(intent),
    ...untouchedVerdict(seen.foreign ?? [], previous?.conditions, now),
  ];
  return {
    observedGeneration: generation,
    conditions: conditionsOf(verdicts, previous, generation, now),
    instances: { pods, external: { ready: seen.external.ready, total: seen.external.total } },
    pods: `${pods.ready}/${pods.total}`,
    vms: `${seen.external.ready}/${seen.external.total}`,
    ...(consul === undefined ? {} : { consul }),
  };
}

function conditionsOf(
  verdicts: [ConditionType, Verdict][],
  previous: MeshServiceStatus | undefined,
  generation: number | undefined,
  now: string,
): Condition[] {
  return verdicts.map(([type, verdict]) => {
    const before = previous?.conditions?.find((condition) => condition.type === type);
    const since = before?.status === verdict.status ? before.lastTransitionTime : now;
    return { type, ...verdict, lastTransitionTime: since, observedGeneration: generation };
  });
}

/**
 * The name this MeshService holds the claim on. It changes only when a walk came to its end: until then the old name is the one to remove, and a question for the owner of a name gets the earlier answer.
 */
function heldName(
  intent: Intent,
  desired: Desired,
  plan: Plan,
  outcomes: Outcome[],
  seen: Seen,
): MeshServiceStatus['consul'] {
  const failed =
    seen.consulDown !== undefined || seen.clusterTaken !== undefined || outcomes.some((outcome) => !outcome.ok);
  if (failed) return intent.meshService?.status?.consul;
  if (plan.conflicts.length > 0 || desired.service === undefined) return undefined;
  // The entries that are held stay as they are, and so does their name.
  const before = intent.meshService?.status?.consul;
  if (desired.keepsConfig && before !== undefined) return before;
  return { service: desired.service, node: podsNode(intent.cluster, intent.namespace, intent.name) };
}

function readyVerdict(intent: Intent, synced: Verdict, seen: Seen, ready: number, total: number): Verdict {
  const { podsRefused, proxies, external } = seen;
  if (synced.status === 'False') return synced;
  // A failed look does not prove that an instance is gone.
  if (ready === 0 && synced.status === 'Unknown') return synced;
  if (ready === 0 && podsRefused !== undefined) return verdict('False', 'PodsRefused', podsRefused);
  if (total === 0) {
    const { nobodyMakesPods = false } = seen;
    const waits = waitsForInstance(intent, nobodyMakesPods);
    return verdict(waits ? 'False' : 'True', 'NoInstances', noInstance(intent, nobodyMakesPods));
  }
  const injected = injectedVerdict(intent, seen);
  if (ready === 0 && injected.status === 'False' && total === seen.podsWithoutSidecar.length) return injected;
  const silent = proxies && silentMessage(proxies);
  if (silent !== undefined) {
    if (ready === 0) return verdict('False', 'AppNotListening', silent);
    return verdict('True', 'SomeInstancesNotReady', `${REASONS.SomeInstancesNotReady} ${silent}`);
  }
  const mismatched = proxies && mismatchedMessage(proxies);
  if (mismatched !== undefined) {
    if (ready === 0) return verdict('False', 'ProtocolMismatch', mismatched);
    return verdict('True', 'SomeInstancesNotReady', `${REASONS.SomeInstancesNotReady} ${mismatched}`);
  }
  const because = (reason: Reason): string => withDown(notReady(intent, reason), external);
  if (ready === 0) return verdict('False', 'NoReadyInstances', because('NoReadyInstances'));
  // One that takes traffic is enough for the name to answer; the counts say the rest.
  if (ready < total) return verdict('True', 'SomeInstancesNotReady', because('SomeInstancesNotReady'));
  const [doubt] = withDoubt(undefined, doubtSentence(external));
  return verdict('True', doubt?.reason ?? 'AllInstancesReady', doubt?.message);
}

/** Only once a proxy has answered. The earlier verdict stays after a start until all were asked, or no proxy has it. */
function acceptsVerdictOf({ proxies }: Seen, previous: MeshServiceStatus | undefined): [ConditionType, Verdict][] {
  const found = proxies && acceptsVerdict(proxies);
  if (found !== undefined) return [['ProxiesAccept', found]];
  const said = previous?.conditions?.find(({ type }) => type === 'ProxiesAccept');
  if (said === undefined || (proxies?.over && said.status === 'False')) return [];
  return [['ProxiesAccept', { status: said.status, reason: said.reason as Reason, message: said.message ?? '' }]];
}

/** After a start of the operator the verdict about the same spec stays until there is another. */
function saidOfThisSpec(
  { meshService }: Intent,
  previous: MeshServiceStatus | undefined,
  type: ConditionType,
): Verdict | undefined {
  const said = previous?.conditions?.find((condition) => condition.type === type);
  const generation = said?.observedGeneration;
  if (said === undefined || generation === undefined || generation !== meshService?.metadata.generation)
    return undefined;
  return { status: said.status, reason: said.reason as Reason, message: said.message ?? '' };
}

/** Only for MeshServices that ask for it. */
function exposedVerdict(
  intent: Intent,
  { notExposed }: Seen,
  previous: MeshServiceStatus | undefined,
): [ConditionType, Verdict][] {
  if (intent.meshService?.spec.expose === undefined) return [];
  if (notExposed !== undefined)
    return [['Exposed', notExposed === '' ? verdict('True', 'Exposed') : verdict('False', 'NotExposed', notExposed)]];
  return [['Exposed', saidOfThisSpec(intent, previous, 'Exposed') ?? verdict('Unknown', 'NotJudged')]];
}

function reachableVerdict(
  intent: Intent,
  { service }: Desired,
  { reach, external }: Seen,
  previous: MeshServiceStatus | undefined,
): [ConditionType, Verdict][] {
  const found = service !== undefined && reach !== undefined ? reachVerdict(intent, service, reach) : undefined;
  const isEarly = external.recalled || (found?.reason === 'NotProbed' && reach?.isRead === false);
  const said = isEarly ? saidOfThisSpec(intent, previous, 'Reachable') : undefined;
  if (said !== undefined) return [['Reachable', said]];
  return withDoubt(found, doubtSentence(external)).map((one) => ['Reachable', one]);
}

/** Only for MeshServices that have an instance without a sidecar. */
function linkedVerdict({ notLinked }: Seen): [ConditionType, Verdict][] {
  if (notLinked === undefined) return [];
  return [['Linked', notLinked === '' ? verdict('True', 'Linked') : verdict('False', 'NotLinked', notLinked)]];
}

/** Only for a MeshService with pods, or with instances on machines. */
function enforcedVerdict(
  intent: Intent,
  { doors, external }: Seen,
  previous: MeshServiceStatus | undefined,
): [ConditionType, Verdict][] {
  const { meshService } = intent;
  const found = meshService && doors && doorsVerdict(meshService, doors, external.doors);
  const isEarly = external.recalled || (found?.reason === 'DoorsNotTried' && doors?.isTried === false);
  const said = isEarly ? saidOfThisSpec(intent, previous, 'Enforced') : undefined;
  // The mode of the installation may be another since the start.
  if (said !== undefined && said.reason !== 'Permissive' && found?.reason !== 'Permissive') return [['Enforced', said]];
  return found === undefined ? [] : [['Enforced', found]];
}

/** Only while a name is not met, or the other side does not let calls in: it blocks nothing. */
function namesVerdict({ problems = [] }: Intent): [ConditionType, Verdict][] {
  const of = (reason: Reason) => problems.filter((problem) => problem.reason === reason);
  const unmet = [...of('NameUnmet'), ...of('CallRefused')];
  const [first] = unmet;
  if (first === undefined) return [];
  const told = unmet.slice(0, 5).map(({ message }) => message);
  return [['NamesMet', verdict('False', first.reason, told.join('; '))]];
}
