import type { RunOptions, RunResult } from './exec.ts';
import type { Progress } from './progress.ts';

/** The Docker engine the lab runs on. */
export interface Engine {
  /** `host`: the one that was there. `private`: started by the lab, stopped by the lab. */
  kind: 'host' | 'private';
  /** What every docker and kind command needs in its environment. */
  env: Record<string, string>;
  /** Path of the network namespace the engine lives in; undefined = the host's. */
  netns: string | undefined;
  /** `docker ARGS` against this engine; gives standard output without white space at its ends. */
  docker(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Any command in the engine's namespace with its environment. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

export async function startEngine(_progress: Progress): Promise<Engine> {
  throw new Error('not here yet');
}

export async function stopEngine(): Promise<void> {}
