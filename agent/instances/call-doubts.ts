import {
  type AppCalls,
  type Protocol,
  type Speech,
  mismatchIn,
  mismatchSentence,
  speechAfter,
} from '../../mesh/proxies/app-calls.ts';

import type { Clock } from '../../base/clock.ts';

/** An Envoy as one answer of it says. */
interface Heard {
  calls: AppCalls;
  live: boolean;
  /** It has a stream to Consul. */
  connected: boolean;
  /** The protocol of the MeshService; undefined: the bridge has not said it yet. */
  protocol: Protocol | undefined;
}

/** Why calls of a healthy instance may fail, by what its Envoy tells. */
export interface CallDoubts {
  hear(heard: Heard): void;
  /** `consulProblem`: why the machine does not reach Consul. Gives one line, or undefined while calls seem well. */
  doubt(port: number, consulProblem: string | undefined): string | undefined;
}

/** Consul's servers may change their leader meanwhile, and Envoy goes to another server. */
const ALONE_MS = 10_000;

export function callDoubts(clock: Pick<Clock, 'steady'>): CallDoubts {
  let speech: Speech | undefined;
  /** When it had its stream last; undefined: not yet. */
  let connectedMs: number | undefined;
  let isAlone = false;
  return {
    hear({ calls, live, connected, protocol }) {
      const nowMs = clock.steady();
      speech = protocol === undefined ? undefined : speechAfter(speech, calls, protocol, nowMs);
      if (connected) connectedMs = nowMs;
      isAlone = live && connectedMs !== undefined && nowMs - connectedMs >= ALONE_MS;
    },
    doubt(port, consulProblem) {
      const how = mismatchIn(speech);
      const doubts = [
        isAlone && `its Envoy hears nothing new from Consul: ${consulProblem ?? 'it has no stream to Consul'}`,
        speech && how && mismatchSentence(port, speech.protocol, how),
      ].filter(Boolean);
      return doubts.length === 0 ? undefined : doubts.join('; ');
    },
  };
}
