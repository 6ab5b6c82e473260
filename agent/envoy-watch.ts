import type { Clock } from './clock.ts';
import { type EnvoyAnswer, askEnvoy, askEnvoyVersion } from './envoy-admin.ts';
import type { EnvoyVersion } from './envoy-binary.ts';

export interface EnvoySight extends EnvoyAnswer {
  /** Known once it is live. */
  version: EnvoyVersion | undefined;
}

/** Asked quickly until it is live the first time, so that joining does not wait for the next full second. */
const ASK_STARTING_MS = 100;
const ASK_LIVE_MS = 1000;
export const HANG_MS = 5000;
/** A later answer does not count. */
export const ANSWER_MS = HANG_MS / 2;

/** Asks a process that was just started at its admin socket, for as long as it is the one there. */
export async function watchEnvoy(options: {
  socket: string;
  clock: Clock;
  isCurrent: () => boolean;
  /** Called with each answer. */
  saw: (sight: EnvoySight) => Promise<void>;
  /** It has not answered for HANG_MS. */
  hangs: () => Promise<void>;
}): Promise<void> {
  const { socket, clock, isCurrent, saw, hangs } = options;
  let answeredMs = clock.monotonicMs();
  let settled = false;
  let version: EnvoyVersion | undefined;
  while (isCurrent()) {
    await new Promise<void>((resolve) => clock.after(settled ? ASK_LIVE_MS : ASK_STARTING_MS, resolve));
    try {
      const answer = await askEnvoy(socket, ANSWER_MS);
      if (answer.live) version ??= await askEnvoyVersion(socket, ANSWER_MS);
      if (!isCurrent()) return;
      await saw({ ...answer, version });
      answeredMs = clock.monotonicMs();
      settled = answer.live && answer.ports.length > 0;
    } catch {
      if (isCurrent() && clock.monotonicMs() - answeredMs >= HANG_MS) await hangs();
    }
  }
}
