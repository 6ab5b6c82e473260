import type { PodFacts } from '../service/pod.ts';
import type { TrialSeen } from './verdict.ts';

/** The result of one trial of a pod. */
export interface PodTrial {
  uid: string;
  node: string | undefined;
  /** Ports that took a connection. */
  open: number[];
  /** Ports that were tried. */
  ports: number[];
  /** Whether its sidecar answered: where it does not, a port that does not answer proves nothing. */
  reached: boolean;
  atMs: number;
}

/** Trials of the pods of one MeshService, by name of the pod. */
export type TrialBook = Map<string, PodTrial>;

/** Open ports that are named. */
const MAX_OPEN = 3;

/** Pods that a look tries, those first that were open, then those never tried, then the ones tried longest ago. Only ready ones: before that their apps may not listen yet. */
export function nextPods(pods: readonly PodFacts[], book: TrialBook, most: number): PodFacts[] {
  const rank = (pod: PodFacts): number => {
    const before = trialOf(book, pod);
    if (before === undefined) return 0;
    return before.open.length > 0 ? -1 : before.atMs;
  };
  return pods
    .filter(isTriable)
    .map((pod) => ({ pod, rank: rank(pod) }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, most)
    .map(({ pod }) => pod);
}

/** Whether its doors say something: it is ready, and not on its way out. */
export const isTriable = ({ injected, ready, terminating, finished, ip }: PodFacts): boolean =>
  injected && ready && !terminating && !finished && ip !== undefined;

const trialOf = (book: TrialBook, { name, uid }: PodFacts): PodTrial | undefined => {
  const trial = book.get(name);
  return trial?.uid === uid ? trial : undefined;
};

/** Forgets pods that are gone, and sums up the results of the other pods. */
export function trialsOf(pods: readonly PodFacts[], book: TrialBook): TrialSeen {
  const there = new Map(pods.map((pod) => [pod.name, pod.uid]));
  for (const [name, { uid }] of book) if (there.get(name) !== uid) book.delete(name);
  const open: TrialSeen['open'] = [];
  const ports = new Set<number>();
  let closed = 0;
  let unreached: string | undefined;
  for (const [pod, trial] of book) {
    const [port] = trial.open;
    if (port !== undefined) open.push({ pod, node: trial.node, port });
    else if (!trial.reached) unreached ??= pod;
    else if (trial.ports.length > 0) {
      closed += 1;
      for (const tried of trial.ports) ports.add(tried);
    }
  }
  open.sort((a, b) => (a.pod < b.pod ? -1 : 1));
  return {
    open: open.slice(0, MAX_OPEN),
    openPods: open.length,
    closed,
    ports: [...ports].sort((a, b) => a - b).slice(0, MAX_PORTS),
    unreached,
  };
}

const MAX_PORTS = 8;
