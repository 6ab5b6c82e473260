import type { Logger } from 'pino';

import type { BeatAnswer, ServicePlan } from '../../mesh/outside/bridge-api.ts';

import type { Clock } from '../../base/clock.ts';
import { plansAfter } from './plans-after.ts';
import { messageOf } from '../../base/problem.ts';
import type { HostState, Known, State } from './state.ts';
import { openTokenShelf } from './token-shelf.ts';

/** The answers of the bridge to this machine: plans, lease and tokens. Kept on disk, so that a start needs no bridge. */
export interface Learnt {
  leaseMs(): number;
  plans(): ServicePlan[];
  plan(service: string): ServicePlan | undefined;
  token(service: string): string | undefined;
  /** Whether to ask for a token; `refusedMs`: when Consul refused the one at hand, see agent/envoy/token-refusals.ts. */
  wantsToken(service: string, refusedMs: number | undefined): boolean;
  /** Takes an answer. Gives whether lease or plans are new. A new answer is in force before it is on disk. */
  take(answer: BeatAnswer, instances: { service: string }[]): Promise<{ news: boolean }>;
}

/** Reads what was learnt before. A damaged file is as good as none: all of it can be learnt again. */
export async function openLearnt(parts: { state: State; host: HostState; clock: Clock; log: Logger }): Promise<Learnt> {
  const { state, host, clock, log } = parts;
  let known: Known = (await state.readKnown().catch(mend(log, undefined))) ?? { leaseMs: host.leaseMs, services: [] };
  const tokens = openTokenShelf(state, await state.readTokens().catch(mend(log, {})), clock);
  return {
    leaseMs: () => known.leaseMs,
    plans: () => known.services,
    plan: (service) => known.services.find((plan) => plan.service === service),
    token: (service) => tokens.get(service),
    wantsToken: (service, refusedMs) => tokens.wants(service, refusedMs),
    async take(answer, instances) {
      const next: Known = { leaseMs: answer.leaseMs, services: plansAfter(known.services, answer, instances) };
      const news = JSON.stringify(next) !== JSON.stringify(known);
      known = next;
      if (news) await keep(log, state.writeKnown(known));
      await keep(log, tokens.put(answer.tokens));
      await keep(log, tokens.drop(answer.refused.map(({ service }) => service)));
      return { news };
    },
  };
}

/** For what is damaged on disk. */
export const mend =
  <T>(log: Logger, empty: T) =>
  (error: unknown): T => {
    log.error({ problem: messageOf(error) }, 'it is made anew');
    return empty;
  };

/** A full disk takes nothing out of the mesh: an answer that could not be written is known until the next restart. */
export async function keep(log: Logger, written: Promise<void>): Promise<void> {
  await written.catch((error: unknown) => {
    log.error({ error: messageOf(error) }, 'could not be written to disk; what runs goes on running');
  });
}
