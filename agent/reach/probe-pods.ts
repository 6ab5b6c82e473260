import type { Logger } from 'pino';

import type { ProbeAnswer } from '../../mesh/outside/bridge-api.ts';
import type { ProbeResult, ProbeTarget } from '../../mesh/outside/bridge-shapes.ts';

import { BridgeRefusal } from '../bridge-client.ts';
import type { Clock } from '../../base/clock.ts';
import { inParallel } from '../../base/in-parallel.ts';
import { messageOf } from '../../base/problem.ts';
import { tryTcp } from '../../base/try-tcp.ts';

const AT_A_TIME = 4;
/** After a bridge that did not answer, or that is too old to know the question. */
const AGAIN_MS = 30_000;
const UNKNOWN_MS = 600_000;
const JITTER = 0.2;

type Ask = (results: ProbeResult[]) => Promise<ProbeAnswer>;

/**
 * Tries the sidecars of pods that this machine calls, as the bridge says, until the signal aborts. Consul hands their
 * addresses to Envoy whether a way leads there or not: this is how anybody gets to know.
 */
export async function probePods(options: {
  ask: Ask;
  clock: Clock;
  /** 0 <= random() < 1. */
  random: () => number;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { ask, clock, random, log, signal } = options;
  const jittered = (ms: number): number => ms * (1 - JITTER + 2 * JITTER * random());
  let nextMs = AGAIN_MS / 10;
  while (!signal.aborted) {
    await clock.wait(jittered(nextMs), signal);
    if (signal.aborted) return;
    try {
      const turn = await probeOnce(ask);
      nextMs = turn.nextMs;
      const lost = turn.results.filter(({ ok }) => !ok);
      if (lost.length > 0) log.warn({ pods: lost }, 'pods that this machine calls cannot be reached from here');
    } catch (error) {
      nextMs = error instanceof BridgeRefusal && error.status === 404 ? UNKNOWN_MS : AGAIN_MS;
      log.debug({ message: messageOf(error) }, 'the bridge could not be asked which pods to try');
    }
  }
}

/** Asks, tries, and tells. */
export async function probeOnce(ask: Ask): Promise<{ results: ProbeResult[]; nextMs: number }> {
  const { targets, nextMs } = await ask([]);
  if (targets.length === 0) return { results: [], nextMs };
  const results = await inParallel(targets, AT_A_TIME, tryPod);
  return { results, nextMs: (await ask(results)).nextMs };
}

/** Twice, since one lost packet does not prove a missing route. */
async function tryPod(target: ProbeTarget): Promise<ProbeResult> {
  const first = await tryOnce(target);
  return first.ok ? first : tryOnce(target);
}

const tryOnce = async (target: ProbeTarget): Promise<ProbeResult> => ({ ...target, ...(await tryTcp(target)) });
