import { sentence } from '../sentence.ts';
import type { Look } from './look.ts';

export interface Verdict {
  /** `warning`: it works, and will not for ever, or could not be looked at. */
  result: 'ok' | 'warning' | 'failed';
  detail: string;
  /** A heading of docs/troubleshooting.md that says more than the check's own. */
  hint?: string;
}

export interface Finding extends Verdict {
  check: string;
  /** A heading of docs/troubleshooting.md; none when all is well. */
  hint?: string;
}

/** Checks are data: each looks at one thing, and its hint is a heading of docs/troubleshooting.md. */
export interface Check {
  name: string;
  hint: string;
  /** Without this, no later check can say anything. */
  stopsOthers?: boolean;
  /** Nobody needs to read that it is well: it concerns few clusters. */
  quietWhenOk?: boolean;
  run(look: Look): Promise<Verdict>;
}

export const ok = (detail = ''): Verdict => ({ result: 'ok', detail });
export const warning = (detail: string, hint?: string): Verdict => ({
  result: 'warning',
  detail,
  ...(hint === undefined ? {} : { hint }),
});
export const failed = (detail: string): Verdict => ({ result: 'failed', detail });

/** One finding a check, in order; a check that throws has failed. Ends early after a check that stops the others. */
export async function* runChecks(checks: readonly Check[], look: Look): AsyncGenerator<Finding> {
  for (const { name, hint, stopsOthers, quietWhenOk, run } of checks) {
    const verdict = await run(look).catch((error: unknown) => failed(sentence(error)));
    if (quietWhenOk && verdict.result === 'ok') continue;
    yield { check: name, ...(verdict.result === 'ok' ? {} : { hint }), ...verdict };
    if (stopsOthers && verdict.result === 'failed') return;
  }
}

/**
 * Exit codes of `landbridge check`, by what was found; the command's help names them.
 *
 * | code | meaning                                                                     |
 * |------|-----------------------------------------------------------------------------|
 * | 0    | nothing failed; there may be warnings                                       |
 * | 1    | a check failed                                                              |
 * | 2    | it could not be looked: no kubeconfig, or the API server does not answer us |
 */
export function exitCodeOf(findings: readonly Finding[], couldLook: boolean): 0 | 1 | 2 {
  if (!couldLook) return 2;
  return findings.some(({ result }) => result === 'failed') ? 1 : 0;
}
