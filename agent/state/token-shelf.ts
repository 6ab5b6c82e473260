import type { BeatAnswer } from '../../mesh/outside/bridge-api.ts';

import { isPastHalf } from './certificate.ts';
import type { Clock } from '../../base/clock.ts';
import type { State, Tokens } from './state.ts';

/** The Consul tokens of this machine's services, kept on disk so that a start needs no bridge. */
export interface TokenShelf {
  get(service: string): string | undefined;
  put(tokens: BeatAnswer['tokens']): Promise<void>;
  drop(services: string[]): Promise<void>;
  /**
   * Whether to ask the bridge for one: the shelf is empty, the token is past half its life, or Consul refused it again and again
   * (`refusedMs`, see agent/envoy/token-refusals.ts) after it was handed out.
   */
  wants(service: string, refusedMs: number | undefined): boolean;
}

/** Refusals soon after a new token may still be about a bad one before, until Envoy has read the new one. */
const SETTLE_MS = 10_000;

/** `kept`: the tokens on disk. */
export function openTokenShelf(state: State, kept: Tokens, clock: Clock): TokenShelf {
  const tokens = { ...kept };
  const putMs = new Map<string, number>();
  return {
    get: (service) => tokens[service]?.token,
    async put(fresh) {
      if (fresh.length === 0) return;
      for (const { service, token, expiresAt } of fresh) {
        tokens[service] = { token, expiresAt, obtainedAt: new Date(clock.now()).toISOString() };
        putMs.set(service, clock.steady());
      }
      await state.writeTokens(tokens);
    },
    async drop(services) {
      const held = services.filter((service) => tokens[service] !== undefined);
      if (held.length === 0) return;
      for (const service of held) delete tokens[service];
      await state.writeTokens(tokens);
    },
    wants(service, refusedMs) {
      const held = tokens[service];
      if (held === undefined) return true;
      const validity = { fromMs: Date.parse(held.obtainedAt), untilMs: Date.parse(held.expiresAt) };
      if (isPastHalf(validity, clock.now())) return true;
      return refusedMs !== undefined && refusedMs > (putMs.get(service) ?? -Infinity) + SETTLE_MS;
    },
  };
}
