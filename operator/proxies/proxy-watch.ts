import type { Clock } from '../../base/clock.ts';
import type { Protocol } from '../../mesh/proxies/app-calls.ts';
import type { ProxyCounters } from '../../mesh/proxies/counters.ts';
import { equal } from '../../mesh/equal.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';
import type { Heard } from '../../mesh/proxies/heard.ts';
import type { MachineReport } from '../../mesh/outside/machine-report.ts';
import { type Moment, risen } from '../../mesh/proxies/refusals.ts';
import type { ProxiesSeen } from '../../mesh/proxies/verdict.ts';
import { heldGateways } from './held-gateways.ts';
import { machineProxies } from './machine-proxies.ts';
import { proxyBook } from './proxy-book.ts';
import { GATEWAYS, type Proxy } from './proxy.ts';
import { proxySchedule } from './proxy-schedule.ts';
import { affected, answers, clearedAtMs, isLive, isServed, meshKey, podKey, portOf } from './proxy-scopes.ts';
import { proxiesSeen } from './proxies-seen.ts';
import type { World } from '../world/world.ts';

export interface ProxyWatchOptions {
  world: Pick<World, 'meshServices' | 'pods'>;
  /** Pods of the gateways, asked for when something changed, in each round, and when one does not answer. Throws when they cannot be had. */
  gatewayPods: () => Promise<PodFacts[]>;
  /** Throws when the sidecar does not answer. */
  readCounters: (pod: PodFacts) => Promise<ProxyCounters>;
  /** The words of refused updates in a sidecar's log; empty when it cannot be read. */
  readWords: (pod: PodFacts, container: string) => Promise<Heard[]>;
  /** Something else is known of the proxies that matter to a MeshService. */
  onChange: (key: string) => void;
  clock: Clock;
  signal: AbortSignal;
}

export interface ProxyWatch {
  seen(key: string): ProxiesSeen;
  /** Entries of these names changed in Consul; undefined: of all. */
  changed(names: string[] | undefined): void;
  /** The reports of all machines; a machine without a report refuses nothing. */
  machines(reports: MachineReport[]): void;
  /** A MeshService or its pods changed in Kubernetes. */
  touched(key: string): void;
}

/** After a change: Consul needs a moment to tell the proxies, and more under load. */
const AFTER_CHANGE_MS = [1500, 5000];
/** After a pod got its address: Envoy starts meanwhile. */
const AFTER_START_MS = [3000, 8000];
/** After a pod turned ready: its app may begin to listen a little later. */
const AFTER_READY_MS = [1500, 9500];
/** While a proxy refuses an update, or its app is silent. */
const TROUBLED_MS = 5000;
/**
 * While nobody knows whether the app is at a port that the MeshService got after the pod was made, or whether a new app speaks
 * its protocol.
 */
const UNTRIED_MS = 8000;
/** Pods of one MeshService that are asked so often for that. */
const SAMPLE = 4;
/** Each look without an answer doubles the pause, up to this: it may be listed for long, and out of reach. */
const UNREACHED_MS = 320_000;
const AT_A_TIME = 16;
const GATHER_MS = 200;

/**
 * Looks at the sidecars that a change concerns, some seconds after it, and at all of them now and then. Nothing of it holds
 * up a walk: a walk reads what was found last.
 */
export function watchProxies(options: ProxyWatchOptions): ProxyWatch {
  const { world, readCounters, readWords, onChange, clock, signal } = options;
  const startedMs = clock.now();
  const book = proxyBook((scope) => clearedAtMs(world.meshServices.get(scope), startedMs));
  const moment = (): Moment => ({ steadyMs: clock.steady(), wallMs: clock.now() });
  /** For each MeshService its last spec, and the phase of each pod. */
  const before = new Map<string, { spec: unknown; phases: Map<string, 'started' | 'ready'> }>();
  /** MeshServices with no proxy that was never asked. */
  const known = new Set<string>();
  /** MeshServices of which this operator has said whether a proxy refuses; an earlier refusal is then not another's word. */
  const judged = new Set<string>();

  const proxyOf = (pod: PodFacts): Proxy => {
    const scope = `${pod.namespace}/${pod.meshService}`;
    const upstreams = world.meshServices.get(scope)?.meshService?.spec.upstreams ?? [];
    return { key: podKey(pod), name: `pod ${pod.name}`, scope, calls: upstreams.map(({ service }) => service) };
  };
  const protocolOf = ({ namespace, meshService }: PodFacts): Protocol | undefined =>
    world.meshServices.get(`${namespace}/${meshService}`)?.meshService?.spec.protocol;
  /** All pods of a MeshService run the same app: the first ones tell of it soon, the others in the slow round. */
  const isSample = ({ namespace, meshService, name }: PodFacts): boolean =>
    world.pods
      .by('meshService', `${namespace}/${meshService}`)
      .filter(isLive)
      .slice(0, SAMPLE)
      .some((pod) => pod.name === name);
  const machines = machineProxies({
    world,
    book,
    now: moment,
    onChange: (proxy) => tell(concernedBy(proxy)),
  });
  const gateways = heldGateways(
    options.gatewayPods,
    (key) => schedule.soon(key, AFTER_START_MS),
    (key) => drop(key),
  );

  function proxyAt(key: string): { pod: PodFacts; proxy: Proxy; container: string } | undefined {
    const gateway = gateways.get(key);
    if (gateway !== undefined) {
      const proxy = { key, name: `gateway pod ${gateway.name}`, scope: GATEWAYS, calls: undefined };
      return { pod: gateway, proxy, container: GATEWAY };
    }
    const pod = world.pods.get(key);
    return pod && answers(pod) ? { pod, proxy: proxyOf(pod), container: SIDECAR } : undefined;
  }

  /** A proxy that has ended refuses nothing, so a condition must not name it. */
  function drop(key: string): void {
    const wasTroubled = book.isTroubled(key);
    const proxy = book.forget(key);
    if (proxy !== undefined && wasTroubled) tell(concernedBy(proxy));
  }

  async function look(key: string): Promise<void> {
    if (machines.has(key)) return machines.judge(key);
    const found = proxyAt(key);
    if (found === undefined) return drop(key);
    const { pod, proxy, container } = found;
    const view = book.view(key);
    let misses = 0;
    try {
      const counters = await readCounters(pod);
      const rose = risen(book.account(key), counters.updates).length > 0;
      const heard = rose ? await readWords(pod, container).catch(() => []) : [];
      // It went meanwhile.
      if (proxyAt(key) === undefined) return drop(key);
      const port = proxy.scope !== GATEWAYS && pod.ready ? portOf(world, pod) : undefined;
      book.took(proxy, { counters, heard, port, protocol: protocolOf(pod) }, moment());
    } catch {
      if (proxy.scope === GATEWAYS) await gateways.list();
      if (proxyAt(key) === undefined) return drop(key);
      misses = book.missed(proxy, clock.steady());
    }
    if (misses > 0 && book.isTroubled(key)) schedule.again(key, Math.min(TROUBLED_MS * 2 ** misses, UNREACHED_MS));
    else if (book.isTroubled(key)) schedule.soon(key, [TROUBLED_MS]);
    else if (book.isUntried(key) || (book.isUnheard(key, clock.steady()) && isSample(pod)))
      schedule.again(key, UNTRIED_MS);
    if (!equal(view, book.view(key)) || !known.has(proxy.scope)) tell(concernedBy(proxy));
  }

  const seen = proxiesSeen({ world, book, known, judged, reportsAreRead: () => machines.areRead() });

  /** The state that was shown last, for each MeshService. */
  const told = new Map<string, ProxiesSeen>();
  function tell(keys: Iterable<string>): void {
    for (const key of keys) {
      const now = seen(key);
      if (equal(told.get(key), now)) continue;
      told.set(key, now);
      onChange(key);
    }
  }

  /** A proxy may change the condition of its own MeshService, and of the services that it calls. */
  function concernedBy({ scope, calls }: Proxy): string[] {
    if (scope === GATEWAYS) return world.meshServices.keys().filter((one) => isServed(world.meshServices.get(one)));
    const callees = (calls ?? []).flatMap((service) => world.meshServices.by('service', service));
    return [scope, ...callees.map(meshKey)];
  }

  async function all(): Promise<string[]> {
    await gateways.list();
    return [...gateways.keys(), ...world.pods.keys()];
  }
  const schedule = proxySchedule({ all, look, limit: AT_A_TIME, clock, signal });

  async function lookAtGateways(): Promise<void> {
    await gateways.list();
    for (const key of gateways.keys()) schedule.soon(key, AFTER_CHANGE_MS);
  }

  function change(scopes: Iterable<string>): void {
    const nowMs = clock.steady();
    for (const scope of scopes) {
      book.changed(scope, nowMs);
      for (const key of machines.of(scope)) schedule.soon(key, AFTER_CHANGE_MS);
      for (const pod of world.pods.by('meshService', scope)) schedule.soon(podKey(pod), AFTER_CHANGE_MS);
    }
  }

  /** Many events of a moment are one. */
  const touched = new Set<string>();
  function takeTouched(): void {
    for (const key of touched) take(key);
    touched.clear();
    machines.hearAgain();
  }
  function take(key: string): void {
    const spec = world.meshServices.get(key)?.meshService?.spec;
    const last = before.get(key);
    if (last !== undefined && last.spec !== spec) change([key]);
    const phases = new Map<string, 'started' | 'ready'>();
    for (const pod of world.pods.by('meshService', key)) {
      if (!isLive(pod)) continue;
      const [at, phase] = [podKey(pod), pod.ready ? 'ready' : 'started'] as const;
      phases.set(at, phase);
      const was = last?.phases.get(at);
      if (was === phase) continue;
      if (phase === 'ready') book.restarted(at);
      if (phase === 'ready' || was === undefined)
        schedule.soon(at, phase === 'ready' ? AFTER_READY_MS : AFTER_START_MS);
    }
    for (const at of last?.phases.keys() ?? []) if (!phases.has(at)) drop(at);
    if (spec === undefined && phases.size === 0) for (const memory of [before, known, judged, told]) memory.delete(key);
    else before.set(key, { spec, phases });
  }

  return {
    seen,
    machines: machines.hear,
    changed(names) {
      change(names === undefined ? world.meshServices.keys() : new Set(names.flatMap((name) => affected(world, name))));
      book.changed(GATEWAYS, clock.steady());
      void lookAtGateways();
    },
    touched(key) {
      if (touched.size === 0) void clock.wait(GATHER_MS, signal).then(takeTouched);
      touched.add(key);
    },
  };
}

const SIDECAR = 'landbridge-sidecar';
const GATEWAY = 'envoy';
