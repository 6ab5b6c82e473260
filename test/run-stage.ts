import { type ChildProcess, spawn } from 'node:child_process';

/** The end of a command. */
interface Ended {
  /** Exit code; 1 when a signal ended it, 124 when its time was over, 127 when it could not be started. */
  code: number;
  /** The end of its standard output. */
  output: string;
}

export interface Running {
  ended: Promise<Ended>;
  /** SIGTERM to all of it, and SIGKILL to what is left after the grace. */
  stop(): void;
}

export interface Limits {
  /** After this it is stopped. */
  limitMs: number;
  /** Between SIGTERM and SIGKILL. Default 10 s. */
  graceMs?: number;
  /** Its output when its work is done. It has `lingerMs` (default 60 s) to end after that. */
  done?: RegExp;
  lingerMs?: number;
  /** Its output is not shown. */
  quiet?: boolean;
}

const KEPT_CHARACTERS = 200_000;

/** Starts a command as a process group of its own, so that what it started ends with it; shows its output as it comes. */
export function runStage([command = '', ...args]: readonly string[], limits: Limits): Running {
  const { limitMs, graceMs = 10_000, done, lingerMs = 60_000, quiet = false } = limits;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  let late = false;
  let kill: NodeJS.Timeout | undefined;
  const stop = (): void => {
    if (kill !== undefined) return;
    signalGroup(child, 'SIGTERM');
    kill = setTimeout(() => {
      signalGroup(child, 'SIGKILL');
      // One that left the group may still hold the pipe: nobody waits for it.
      child.stdout.destroy();
    }, graceMs);
  };
  const stopAfter = (ms: number, why: string): NodeJS.Timeout =>
    setTimeout(() => {
      late = true;
      console.log(`\n*** ${why} after ${ms / 1000} s: stopped`);
      stop();
    }, ms);
  const limit = stopAfter(limitMs, 'not done');
  let linger: NodeJS.Timeout | undefined;
  const ended = new Promise<Ended>((resolve) => {
    let output = '';
    const end = (code: number): void => {
      for (const timer of [limit, linger, kill]) clearTimeout(timer);
      resolve({ code, output });
    };
    child.stdout.on('data', (chunk: Buffer) => {
      if (!quiet) process.stdout.write(chunk);
      output = (output + chunk.toString('utf8')).slice(-KEPT_CHARACTERS);
      if (done?.test(output)) linger ??= stopAfter(lingerMs, 'its work is done, but something it left open keeps it');
    });
    child.on('error', () => end(127));
    // Children may outlive the command and keep its output open; `close` comes when they are gone too.
    child.on('close', (code) => end(late ? 124 : (code ?? 1)));
  });
  return { ended, stop };
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
