import type { Ahead } from './left.ts';

/** The lines that the user sees while the lab works. Everything that takes time is a task with a label. */
export interface Progress {
  /** One line, as it is. */
  say(line: string): void;
  /** The tasks that will come, from which the time that is left is reckoned. A later call takes the place of an earlier one. */
  expect(ahead: readonly Ahead[]): void;
  /** A task that takes time. It must be ended with `done` or `failed`. */
  begin(label: string): Task;
}

export interface Task {
  /** The present step of the task. */
  at(note: string): void;
  /** Its own work begins only now: until here it has waited for another. */
  startsNow(): void;
  done(note?: string): void;
  failed(note: string): void;
}

/** Says nothing; for tests and for callers that only want the value. */
export const silent: Progress = {
  say: () => undefined,
  expect: () => undefined,
  begin: () => ({ at: () => undefined, startsNow: () => undefined, done: () => undefined, failed: () => undefined }),
};
