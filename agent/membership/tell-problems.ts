import type { Logger } from 'pino';

import type { Clock } from '../../base/clock.ts';
import { MAX_PROBLEM_CHARS, MAX_PROBLEMS, type ProblemsRequest } from '../../mesh/outside/bridge-api.ts';

import { tellChanges } from '../tell-changes.ts';

/** The bridge keeps it in memory: a restarted one gets it within this time. */
const TELL_AGAIN_MS = 60_000;

/** Tells the bridge of the problems of this machine; see tellChanges. */
export function tellProblems(options: {
  problems: () => string[];
  tell: (request: ProblemsRequest) => Promise<unknown>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { problems, ...others } = options;
  return tellChanges({
    ...others,
    request: () => ({ problems: problems().slice(0, MAX_PROBLEMS).map(oneLine) }),
    isEmpty: (request) => request.problems.length === 0,
    againMs: TELL_AGAIN_MS,
    repeatsEmpty: false,
    of: 'problems',
  });
}

const oneLine = (problem: string): string => problem.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').slice(0, MAX_PROBLEM_CHARS);
