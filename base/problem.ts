/** Something the user can mend. The message is one sentence: the problem, and the remedy. Shown without a stack. */
export class Problem extends Error {
  override readonly name = 'Problem';
}

/** One line about any thrown thing, for logs and status. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The system's error code, for example ENOENT; undefined without one. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
