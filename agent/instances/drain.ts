import type { CheckState } from './check-loop.ts';

/** An instance that was taken out on purpose, and the state of its app at that time. */
export interface Drain {
  /** Sockets that listened on the app's port when the drain began, see agent/machine/listening.ts. */
  listeners: string[];
  /** The check has failed since. */
  away: boolean;
}

/**
 * A drain ends by itself when the app has been away and is back, so that `systemctl restart` needs nothing more than
 * `landbridge vm drain` before the stop:
 *
 * | the check says | the app's listening socket | the drain                                  |
 * |----------------|----------------------------|--------------------------------------------|
 * | critical       | any                        | goes on; the app is away                   |
 * | passing        | the same as before         | goes on, unless the app was away meanwhile |
 * | passing        | another one                | is over: the app was restarted             |
 */
export function afterLook(drain: Drain, check: CheckState, listeners: string[]): Drain | undefined {
  if (check !== 'passing') return check === 'critical' ? { ...drain, away: true } : drain;
  const known = drain.listeners.length > 0 && listeners.length > 0;
  const replaced = known && !listeners.some((listener) => drain.listeners.includes(listener));
  return drain.away || replaced ? undefined : drain;
}
