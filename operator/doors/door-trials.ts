import type { Tried } from '../../base/try-port.ts';
import type { Clock } from '../../base/clock.ts';
import type { MutualTLS } from '../../crds/doors.ts';
import { type MeshService, SIDECAR_READY_PORT } from '../../crds/mesh-service.ts';
import { doorsOf } from '../../mesh/doors/doors.ts';
import { type IngressFacts, type Lead, type ServiceFacts, leadsTo } from '../../mesh/doors/leads.ts';
import { type Opener, openersOf } from '../../mesh/doors/openers.ts';
import { closedPorts } from '../../mesh/doors/past-sidecar.ts';
import type { PolicyFacts } from '../../mesh/doors/policy.ts';
import { type PodTrial, type TrialBook, isTriable, nextPods, trialsOf } from '../../mesh/doors/trial-book.ts';
import { NO_TRIAL, type TrialSeen } from '../../mesh/doors/verdict.ts';
import { equal } from '../../mesh/equal.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';
import { proxySchedule } from '../proxies/proxy-schedule.ts';
import type { World } from '../world/world.ts';

export interface DoorTrialsOptions {
  world: Pick<World, 'meshServices' | 'pods'>;
  standard: () => MutualTLS;
  /** Policies of the namespace of a MeshService that are not its own. */
  others: (meshService: MeshService) => PolicyFacts[];
  /** Services and Ingresses of a namespace; asked for Permissive ones alone. */
  entrances: (namespace: string) => Promise<{ services: ServiceFacts[]; ingresses: IngressFacts[] }>;
  tryPort: (address: string, port: number) => Promise<Tried>;
  /** Something else is known of a MeshService. */
  onChange: (key: string) => void;
  clock: Clock;
  signal: AbortSignal;
}

/** The results of looks; empty before the first look. */
interface DoorsLooked {
  isTried: boolean;
  openers: Opener[];
  leads: Lead[];
  trial: TrialSeen;
}

export interface DoorTrials {
  found(key: string): DoorsLooked;
  /** Its pods or its spec changed. */
  touched(key: string): void;
  /** A NetworkPolicy that may select its pods changed. */
  policyChanged(key: string): void;
}

/** Pods of a MeshService that a look tries. */
const PODS_A_LOOK = 3;
const LOOKS_AT_A_TIME = 8;
/** After a change the plugins on the nodes take a moment. */
const SOON_MS = [3000];
const AFTER_A_POLICY_MS = [3000, 15_000];
/** A port that took a connection may be one whose policy is on its way: it is reported after a second connection. */
const AGAIN_MS = 5000;
/** An open port is tried more often than once a round, so that the status soon shows a remedy. */
const WHILE_OPEN_MS = 30_000;
const NOTHING: DoorsLooked = { isTried: false, openers: [], leads: [], trial: NO_TRIAL };

/** Tries now and then whether the ports of apps are closed: as any other pod would, from the operator's. */
export function doorTrials(options: DoorTrialsOptions): DoorTrials {
  const { world, standard, others, entrances, tryPort, onChange, clock, signal } = options;
  const books = new Map<string, TrialBook>();
  const looked = new Map<string, DoorsLooked>();
  /** Ready pods at the last look, by uid. */
  const met = new Map<string, Set<string>>();
  /** Pods found open once: `key/pod`. */
  const suspected = new Set<string>();

  const meshServiceOf = (key: string): MeshService | undefined => world.meshServices.get(key)?.meshService;

  const schedule = proxySchedule({
    all: async () => world.meshServices.keys().filter((key) => hasPods(meshServiceOf(key))),
    look: (key) => look(key).catch(() => undefined),
    limit: LOOKS_AT_A_TIME,
    clock,
    signal,
  });

  async function look(key: string): Promise<void> {
    const meshService = meshServiceOf(key);
    const before = looked.get(key) ?? NOTHING;
    if (!hasPods(meshService)) {
      books.delete(key);
      looked.delete(key);
      met.delete(key);
      return;
    }
    const pods = world.pods.by('meshService', key);
    met.set(key, new Set(pods.filter(isTriable).map(({ uid }) => uid)));
    const doors = doorsOf(meshService, standard());
    let after: DoorsLooked;
    if (doors.mode === 'Permissive') {
      books.delete(key);
      const found = await entrances(meshService.metadata.namespace ?? '');
      after = { ...NOTHING, isTried: true, leads: leadsTo(meshService, doors, pods, found) };
    } else {
      const book = books.get(key) ?? new Map<string, PodTrial>();
      books.set(key, book);
      await Promise.all(nextPods(pods, book, PODS_A_LOOK).map((pod) => tryPod(key, book, meshService, pod)));
      const trial = trialsOf(world.pods.by('meshService', key), book);
      after = { ...NOTHING, isTried: true, openers: openersOf(doors, pods, others(meshService)), trial };
      if (trial.openPods > 0) schedule.soon(key, [WHILE_OPEN_MS]);
    }
    looked.set(key, after);
    if (!equal(told(after), told(before))) onChange(key);
  }

  async function tryPod(key: string, book: TrialBook, meshService: MeshService, pod: PodFacts): Promise<void> {
    const doors = doorsOf(meshService, standard());
    const ports = closedPorts(doors, meshService.spec.port, pod);
    const [sidecar, ...tried] = await Promise.all([SIDECAR_READY_PORT, ...ports].map((port) => tryPort(pod.ip!, port)));
    const open = ports.filter((_, index) => tried[index] === 'open');
    const suspect = `${key}/${pod.name}`;
    const isFirst = open.length > 0 && !suspected.has(suspect) && !(book.get(pod.name)?.open.length ?? 0);
    if (open.length === 0) suspected.delete(suspect);
    else if (isFirst) {
      suspected.add(suspect);
      return schedule.soon(key, [AGAIN_MS]);
    } else suspected.delete(suspect);
    const reached = sidecar === 'open' && !tried.includes('unknown');
    book.set(pod.name, { uid: pod.uid, node: pod.node, open, ports, reached, atMs: clock.steady() });
  }

  /** It may be on a node where nothing enforces policies: the rules of older pods stay when an engine ends, new pods get none. */
  const hasNewPod = (key: string): boolean =>
    world.pods.by('meshService', key).some((pod) => isTriable(pod) && !met.get(key)?.has(pod.uid));

  return {
    found: (key) => looked.get(key) ?? NOTHING,
    touched(key) {
      const meshService = meshServiceOf(key);
      if (meshService === undefined) {
        // A look forgets it.
        if (looked.has(key)) schedule.soon(key, [0]);
        return;
      }
      const known = looked.get(key);
      const { mode } = doorsOf(meshService, standard());
      if (known === undefined || isUnsettled(known, mode) || hasNewPod(key)) schedule.soon(key, SOON_MS);
    },
    policyChanged: (key) => schedule.soon(key, AFTER_A_POLICY_MS),
  };
}

/** Until a pod was tried, and while one is open, each change of a pod is a reason to look. After that new pods are, and the rounds do the rest. */
const isUnsettled = ({ trial }: DoorsLooked, mode: MutualTLS): boolean =>
  mode === 'Strict' && (trial.closed === 0 || trial.openPods > 0);

const hasPods = (meshService: MeshService | undefined): meshService is MeshService =>
  meshService?.spec.workloads.pods !== undefined;

/** The status does not give the number of closed pods, so that number is left out. */
const told = ({ isTried, openers, leads, trial }: DoorsLooked): unknown => ({
  isTried,
  openers,
  leads,
  trial: { ...trial, closed: Math.min(trial.closed, 1) },
});
