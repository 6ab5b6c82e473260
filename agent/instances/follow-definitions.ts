import type { Logger } from 'pino';

import type { Clock } from '../../base/clock.ts';
import { type Definitions, readDefinitions } from './definitions.ts';
import { messageOf } from '../../base/problem.ts';
import { watchFolder } from '../machine/watch-folder.ts';

export interface FollowedDefinitions {
  /** Reads them again now, and ends when they are in force. */
  read(): Promise<void>;
  /** Their problems, one sentence each. */
  problems(): string[];
}

/** Puts what services.d says into force: now, and whenever it changes, until the signal is aborted. */
export async function followDefinitions(options: {
  folder: string;
  apply: (definitions: Definitions) => Promise<void>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<FollowedDefinitions> {
  const { folder, apply, clock, log, signal } = options;
  let definitions: Definitions = new Map();
  let problems: string[] = [];
  let reading: Promise<void> = Promise.resolve();

  const readOnce = async (): Promise<void> => {
    const said = await readDefinitions(folder, definitions);
    for (const problem of said.problems.filter((each) => !problems.includes(each)))
      log.error({ problem }, 'services.d has a mistake; what was there before stays in force');
    ({ definitions, problems } = said);
    await apply(definitions);
  };
  /** One at a time, since an older reading must not be put into force last. */
  const read = (): Promise<void> => {
    const turn = reading.then(readOnce);
    reading = turn.catch((error: unknown) => log.error({ error: messageOf(error) }, 'services.d was not applied'));
    return turn;
  };
  const changed = (): void => void read().catch(() => {});
  await read();
  watchFolder(folder, clock, changed, signal);
  return { read, problems: () => problems };
}
