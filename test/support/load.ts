import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Edge, compute, failureOf } from '../../lab/sample/chain.ts';
import { EXPECTED } from '../../lab/sample/click.ts';

export interface Shot {
  /** ms since the load began, when it was sent. */
  sentMs: number;
  endedMs: number;
  /** Which hop failed and why; undefined: it answered 9. */
  failure: string | undefined;
}

export interface Load {
  shots: Shot[];
  /** ms since it began. */
  nowMs(): number;
  /** Stops sending, waits for what is under way and gives all shots. */
  stop(): Promise<Shot[]>;
}

/** Clicks at a steady rate, whatever the answers do: a slow answer delays no other click. */
export function startLoad(edge: Edge, perSecond = 20): Load {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 100 });
  const began = performance.now();
  const nowMs = (): number => performance.now() - began;
  const shots: Shot[] = [];
  const underWay = new Set<Promise<void>>();
  let stopped = false;

  async function shoot(): Promise<void> {
    const sentMs = nowMs();
    let failure: string | undefined;
    try {
      failure = failureOf(await compute(edge, undefined, agent), EXPECTED);
    } catch (error) {
      failure = (error as Error).message;
    }
    shots.push({ sentMs, endedMs: nowMs(), failure });
  }

  const loop = (async () => {
    for (let n = 1; !stopped; n++) {
      const shot = shoot().finally(() => underWay.delete(shot));
      underWay.add(shot);
      // By the clock and not by a period: a late turn does not make the rate smaller.
      await delay(Math.max(0, began + (n * 1000) / perSecond - performance.now()));
    }
  })();

  return {
    shots,
    nowMs,
    async stop() {
      stopped = true;
      await loop;
      await Promise.all(underWay);
      agent.destroy();
      return shots;
    },
  };
}

/** Runs `story` under load, with calm before and after it. */
export async function underLoad(
  edge: Edge,
  story: (load: Load) => Promise<void>,
  { beforeMs = 2000, afterMs = 5000, perSecond = 20 } = {},
): Promise<Shot[]> {
  const load = startLoad(edge, perSecond);
  try {
    await delay(beforeMs);
    await story(load);
    await delay(afterMs);
  } finally {
    await load.stop();
  }
  return load.shots;
}

/** The failures, readable in an assertion. */
export const failuresOf = (shots: Shot[]): string[] =>
  shots
    .filter(({ failure }) => failure !== undefined)
    .map(({ sentMs, failure }) => `at ${Math.round(sentMs)} ms: ${failure}`);
