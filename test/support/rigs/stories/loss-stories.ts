import { setTimeout as delay } from 'node:timers/promises';
import type { Traffic } from '../../../../crds/traffic.ts';
import { cutNetwork, restoreNetwork } from '../../../../lab/vm/power.ts';
import { type Shot, failed, percentile } from '../../load/steady-load.ts';
import { type WebStory, allFour } from './web-story.ts';

/** Something that is lost while 200 requests a second come in at the edge, and the way to give it back. */
export interface Loss {
  what: string;
  lose(story: WebStory): Promise<() => Promise<void>>;
}

export const LOSSES: Loss[] = [
  {
    what: "a VM's network is cut",
    async lose({ lab }) {
      await cutNetwork(lab.vm('vm3'));
      return () => restoreNetwork(lab.vm('vm3'));
    },
  },
  {
    what: "another VM's Envoy is killed",
    async lose(story) {
      await story.killEnvoy('vm2');
      // The agent starts it again.
      return async () => undefined;
    },
  },
  {
    what: "a pod's app hangs (SIGSTOP)",
    async lose(story) {
      const [pod = ''] = await story.pods();
      await story.signalPod(pod, 'STOP');
      return () => story.signalPod(pod, 'CONT').catch(() => undefined);
    },
  },
];

export interface LossFigures {
  what: string;
  retries: boolean;
  /** Sent from the loss on, for as long as was watched. */
  sent: number;
  failed: number;
  /** When the last failed request was sent, ms after the loss; 0 without a failure. */
  lastFailedMs: number;
  /** Requests that were answered with 200. */
  p99Ms: number;
  statuses: string;
}

/** A hung instance costs each request that meets it the whole timeout: short, as docs/traffic.md says. */
const STORY_TIMEOUT = '500ms';

export async function tellLoss(story: WebStory, loss: Loss, retries: boolean, watchMs: number): Promise<LossFigures> {
  const traffic: Traffic = { timeout: STORY_TIMEOUT, ...(retries ? {} : { retries: { attempts: 0 } }) };
  await story.declare({ traffic });
  await story.settled('all four answer', 'edge', allFour);
  const load = await story.load('edge', 200);
  let giveBack = async (): Promise<void> => undefined;
  let lostAtMs = Infinity;
  let shots: Shot[] = [];
  try {
    await delay(3000);
    lostAtMs = Date.now();
    giveBack = await loss.lose(story);
    await delay(watchMs - (Date.now() - lostAtMs));
  } finally {
    shots = await load.stop();
    await giveBack();
  }
  const before = shots.filter((shot) => shot.sentAtMs + shot.ms < lostAtMs);
  if (before.some(failed)) throw new Error(`${before.filter(failed).length} requests failed before ${loss.what}`);
  const after = shots.filter(({ sentAtMs, ms }) => sentAtMs + ms >= lostAtMs);
  const bad = after.filter(failed);
  const counts = new Map<number, number>();
  for (const { status } of bad) counts.set(status, (counts.get(status) ?? 0) + 1);
  return {
    what: loss.what,
    retries,
    sent: after.length,
    failed: bad.length,
    lastFailedMs: Math.max(0, ...bad.map(({ sentAtMs }) => sentAtMs - lostAtMs)),
    p99Ms: percentile(
      after.filter((shot) => !failed(shot)).map(({ ms }) => ms),
      99,
    ),
    statuses: [...counts].map(([status, count]) => `${count} x ${status}`).join(', '),
  };
}

export const lossLine = ({ what, retries, sent, failed: bad, lastFailedMs, p99Ms, statuses }: LossFigures): string =>
  `${what}, ${retries ? 'retries on' : 'retries off'}: ${bad} of ${sent} failed (${((100 * bad) / sent).toFixed(3)} %)` +
  `${bad === 0 ? '' : `, ${statuses}, the last sent ${Math.round(lastFailedMs)} ms after it`}; p99 of the others ${p99Ms.toFixed(0)} ms`;
