import type { Clock } from '../../base/clock.ts';
import { type EnvoyAnswer, askEnvoy, askEnvoyVersion } from './admin.ts';
import type { EnvoyVersion } from './binary.ts';
import { HANG_MS, type Silence, type Starvation, judgeSilence } from './silence.ts';

export interface EnvoySight extends EnvoyAnswer {
  /** Known once it is live. */
  version: EnvoyVersion | undefined;
}

/** Asked quickly until it is live the first time, so that joining does not wait for the next full second. */
const ASK_STARTING_MS = 100;
const ASK_LIVE_MS = 1000;
/** A later answer does not count. */
export const ANSWER_MS = HANG_MS / 2;

/** Asks a process that was just started at its admin socket, for as long as it is the one there. */
export async function watchEnvoy(options: {
  socket: string;
  clock: Clock;
  isCurrent: () => boolean;
  starvation: Starvation;
  /** Name of the process among all that are watched. */
  name: string;
  /** Called with each answer. */
  saw: (sight: EnvoySight) => Promise<void>;
  /** It has not answered for long, see silence.ts. */
  hangs: (silence: Silence) => Promise<void>;
  /** It does not answer, and neither hangs. */
  slow: (silence: Silence) => void;
}): Promise<void> {
  const { socket, clock, isCurrent, starvation, name, saw, hangs, slow } = options;
  starvation.answered(name);
  let settled = false;
  let version: EnvoyVersion | undefined;
  while (isCurrent()) {
    await new Promise<void>((resolve) => clock.after(settled ? ASK_LIVE_MS : ASK_STARTING_MS, resolve));
    try {
      const answer = await askEnvoy(socket, ANSWER_MS);
      if (answer.live) version ??= await askEnvoyVersion(socket, ANSWER_MS);
      if (!isCurrent()) break;
      await saw({ ...answer, version });
      starvation.answered(name);
      settled = answer.live && answer.ports.length > 0;
    } catch {
      const silence = starvation.silenceOf(name);
      if (!isCurrent() || silence === undefined) break;
      const judgement = judgeSilence(silence);
      if (judgement === 'hangs') await hangs(silence);
      else if (judgement === 'slow') slow(silence);
    }
  }
  starvation.forget(name);
}
