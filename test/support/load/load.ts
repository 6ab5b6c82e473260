import { expect } from 'chai';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Edge, compute, failureOf } from '../../../lab/sample/chain.ts';
import { EXPECTED } from '../../../lab/sample/click.ts';

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

/** Clicks at a steady rate that does not depend on the answers: a slow answer delays no other click. */
function startLoad(edge: Edge, perSecond = 20): Load {
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

export interface Loss {
  /** For the log. */
  what: string;
  /** When it was lost, ms since the load began. */
  lostMs: number;
  /** From then on until this much later clicks may fail, by when they were sent. */
  barMs: number;
  /** The only hop that may fail, as the sample names it. */
  hop: string;
}

/**
 * Nothing failed before the loss, only its hop failed in the window, and nothing that was sent after it. Prints when the last
 * failed click was sent, so that logs hold figures.
 */
export function expectLossUntil(shots: Shot[], { what, lostMs, barMs, hop }: Loss): void {
  const failed = shots.filter(({ failure }) => failure !== undefined);
  const lastMs = Math.max(...failed.map(({ sentMs }) => sentMs - lostMs));
  const last = failed.length === 0 ? 'none' : `the last sent ${Math.round(lastMs)} ms after it (bar ${barMs} ms)`;
  console.log(`    ${what}: ${failed.length} of ${shots.length} clicks failed, ${last}`);
  // One on its way at that moment was sent before it: then it must have ended after it.
  expect(failuresOf(shots.filter(({ endedMs }) => endedMs < lostMs)), 'before the loss').to.deep.equal([]);
  const elsewhere = failuresOf(failed.filter(({ failure }) => !failure?.startsWith(`${hop}: `)));
  expect(elsewhere, `failures of another hop than ${hop}`).to.deep.equal([]);
  const late = shots.filter(({ sentMs }) => sentMs > lostMs + barMs);
  expect(late.length, 'clicks after the bar').to.be.greaterThan(50);
  expect(failuresOf(late), `sent more than ${barMs} ms after the loss`).to.deep.equal([]);
}
