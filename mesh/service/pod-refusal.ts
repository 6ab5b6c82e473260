/** A pod that its owner could not make, in the words of the API server. */
export interface PodRefusal {
  message: string;
  /** When it was said last. */
  atMs: number;
}

/** Owners try again after 17 minutes at most. An owner without an event for longer has made its pods, or no longer wants them. */
const GOOD_MS = 20 * 60_000;
const MAX_CHARS = 600;

/** Said of an amount that is not given, too small, too large, or too much of a quota. */
const OF_RESOURCES =
  /exceeded quota|failed quota|must specify (limits|requests)|(minimum|maximum) (cpu|memory)|to request ratio|aggregate container|landbridge-sidecar/;

/** One sentence for all tries: the name that the API server makes up for each is left out. */
export function refusalOf(kind: string, owner: string, note: string, atMs: number): PodRefusal {
  const said = note
    .slice(0, MAX_CHARS)
    .replace(/^Error creating: /, '')
    .replaceAll(new RegExp(`"${escaped(owner)}-[a-z0-9]+"`, 'g'), `"${owner}-..."`);
  const advice = OF_RESOURCES.test(note)
    ? ' The sidecar counts as well: give it amounts that fit in spec.proxy.resources, or change the quota or the limit range.'
    : '';
  return { message: `${kind} ${owner} cannot make its pods: ${said.trim().replace(/\.?$/, '.')}${advice}`, atMs };
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Whether it still holds: no pod was made since, and it is not long ago. `created`: when each pod was made, ms. */
export const stillRefused = ({ atMs }: PodRefusal, created: Iterable<number>, nowMs: number): boolean => {
  if (nowMs - atMs > GOOD_MS) return false;
  // Pods tell whole seconds.
  for (const madeMs of created) if (madeMs >= atMs - (atMs % 1000)) return false;
  return true;
};
