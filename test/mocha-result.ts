/** The result of one run of mocha. */
export interface Result {
  passed: number;
  failed: number;
  /** Its own words about the failures; undefined without one. */
  said: string | undefined;
}

/**
 * Reads what mocha's spec reporter printed. Mocha exits with 0 when tests are skipped; here a skipped test is a failed one, also when a real part is missing. A run without any test has failed too.
 */
export function resultOf(output: string, code: number): Result {
  const last = (word: string): number =>
    Number([...output.matchAll(new RegExp(`^ {2}(\\d+) ${word}\\b`, 'gm'))].at(-1)?.[1] ?? 0);
  const [passed, skipped] = [last('passing'), last('pending')];
  const failed = last('failing') + skipped;
  if (failed > 0) return { passed, failed, said: wordsIn(output) ?? `${skipped} skipped` };
  if (code !== 0 || passed === 0) return { passed, failed: 1, said: `ended with ${code}` };
  return { passed, failed, said: undefined };
}

/** Mocha has printed its counts, and only what a test left open keeps it from its end. */
export const MOCHA_DONE = /^ {2}\d+ passing/m;

function wordsIn(output: string): string | undefined {
  const last = [...output.matchAll(/^ {2}[1-9]\d* failing$/gm)].at(-1);
  return last === undefined ? undefined : output.slice(last.index + last[0].length).trim();
}
