/** The lines of Envoy's log about its token. */
export interface TokenRefusals {
  hear(line: string): void;
  /** When Consul last refused the token that Envoy offers now, on the agent's clock; undefined: not yet. */
  readonly lastMs: number | undefined;
}

/** Envoy's own words for gRPC status 7 and 16: Consul does not know the token, or not for this. */
const REFUSED = /gRPC config stream.*closed: (?:7|16),/;
/** Envoy's back-off begins below 1 s and doubles: a bad token is refused several times within this. */
const AGAIN_MS = 5000;

/**
 * A live stream keeps the token with which it was opened. When that one ends after a rotation, Consul closes the
 * stream as unauthenticated, up to its next look at the ACLs (5 min); Envoy comes back with the new token and is admitted.
 * So one refusal says nothing about the token at hand, and only a second one soon after does:
 *
 *   new token --> old stream refused --> let in            nothing is asked for
 *   bad token --> refused --> refused ...                  a new one is asked for
 */
export function watchTokenRefusals(clock: { steady(): number }): TokenRefusals {
  let beforeMs = -Infinity;
  let lastMs: number | undefined;
  return {
    hear(line) {
      if (!REFUSED.test(line)) return;
      const nowMs = clock.steady();
      if (nowMs - beforeMs < AGAIN_MS) lastMs = nowMs;
      beforeMs = nowMs;
    },
    get lastMs() {
      return lastMs;
    },
  };
}
