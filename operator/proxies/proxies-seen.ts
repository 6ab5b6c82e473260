import { type MeshService, consulName } from '../../crds/mesh-service.ts';
import type { ProxiesSeen } from '../../mesh/proxies/verdict.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';
import type { World } from '../world/world.ts';
import type { ProxyBook } from './proxy-book.ts';
import { isBelieved, isLive, isServed, meshKey, podKey, portOf } from './proxy-scopes.ts';
import { GATEWAYS, type Proxy } from './proxy.ts';

export interface ProxiesSeenParts {
  world: Pick<World, 'meshServices' | 'pods'>;
  book: ProxyBook;
  /** MeshServices with no proxy that was never asked. */
  known: Set<string>;
  /** MeshServices of which this operator has said whether a proxy refuses; an earlier refusal is then not another's word. */
  judged: Set<string>;
  /** Whether the reports of machines were read at least once. */
  reportsAreRead: () => boolean;
}

/** The part of the book that concerns one MeshService, by its key. */
export function proxiesSeen(parts: ProxiesSeenParts): (key: string) => ProxiesSeen {
  const { world, book, known, judged, reportsAreRead } = parts;

  const isHeard = (pod: PodFacts): boolean => book.account(podKey(pod)) !== undefined;
  const speaksByMachines = ({ spec }: MeshService): boolean =>
    reportsAreRead() && spec.workloads.external !== undefined;

  function areAsked(key: string, service: string, own: PodFacts[]): boolean {
    const callers = world.meshServices.by('calls', service).map(meshKey);
    const others = callers.filter((caller) => caller !== key).flatMap((caller) => world.pods.by('meshService', caller));
    return [...own, ...others.filter(isLive)].every((pod) => book.isKnown(podKey(pod)));
  }

  return (key) => {
    const held = world.meshServices.get(key)?.meshService;
    if (held === undefined) return { known: false, refusing: [], silent: [] };
    const service = consulName(held);
    const own = world.pods.by('meshService', key).filter(isLive);
    if (!known.has(key) && areAsked(key, service, own)) known.add(key);
    const served = isServed(world.meshServices.get(key));
    const believes = ({ scope }: Proxy): boolean =>
      scope === GATEWAYS || isBelieved(world.meshServices.get(scope), held);
    const refusing = book.refusing(key, { service, served, believes });
    const isKnown = known.has(key) && (own.length === 0 ? speaksByMachines(held) : own.some(isHeard));
    if (isKnown || refusing.length > 0) judged.add(key);
    const isNobodys = known.has(key) && own.length === 0 && held.spec.workloads.external === undefined;
    const ready = own.filter((pod) => pod.ready);
    const { protocol } = held.spec;
    const mismatched = ready.flatMap((pod) => book.mismatched(podKey(pod), portOf(world, pod), protocol) ?? []);
    return {
      known: isKnown,
      ...(refusing.length === 0 && !isKnown && (isNobodys || judged.has(key)) ? { over: true } : {}),
      refusing,
      silent: ready.flatMap((pod) => book.silent(podKey(pod), portOf(world, pod)) ?? []),
      ...(mismatched.length === 0 ? {} : { mismatched }),
    };
  };
}
