/** The lines that the user sees while the lab works. Everything that takes time is a task with a label. */
export interface Progress {
  /** One line, as it is. */
  say(line: string): void;
  /** A task that takes time. It must be ended with `done` or `failed`. */
  begin(label: string): Task;
}

export interface Task {
  /** The present step of the task. */
  at(note: string): void;
  done(note?: string): void;
  failed(note: string): void;
}

/** Says nothing; for tests and for callers that only want the value. */
export const silent: Progress = {
  say: () => undefined,
  begin: () => ({ at: () => undefined, done: () => undefined, failed: () => undefined }),
};
