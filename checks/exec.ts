import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';

import type { CheckResult } from './result.ts';
import { CHECK_MARK, endCheckProcesses } from './processes.ts';
import { codeOf, messageOf } from '../base/problem.ts';
import { unitHides } from './unit-hides.ts';

/** Kept characters of its output; the rest is read and dropped. */
const MAX_OUTPUT_CHARS = 1000;

/**
 * Runs a program as the agent's user. When it takes too long it is killed, and in any case all that it has started, see
 * processes.ts. Throws when the system refuses to start it.
 */
export async function execCheck(
  command: string[],
  port: number,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<CheckResult> {
  const [file = '', ...args] = command;
  const mark = randomUUID();
  const { PATH, LANG } = process.env;
  const env = { PATH, LANG, LANDBRIDGE_PORT: String(port), [CHECK_MARK]: mark };
  // A process group of its own, so that what it starts can be ended with it.
  const child = spawn(file, args, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const output = outputOf(child);
  const { ok, how } = await endOf(child, file, signal, timeoutMs);
  // While the parents live: the children of a process that has ended belong to init.
  const left = child.pid === undefined ? 0 : await endCheckProcesses(child.pid, mark);
  killGroup(child.pid);
  const said = output().trim().split('\n')[0];
  const cause = ok ? undefined : await unitHides(command, output());
  const more = [
    ...(left > 0 ? [`${left} of the processes that it started run as another user and go on`] : []),
    ...(cause === undefined ? [] : [cause]),
  ];
  return { ok, output: [said ? `${how}: ${said}` : how, ...more].join('; ') };
}

/** The output of the program so far, up to the limit. */
function outputOf(child: ChildProcess): () => string {
  let output = '';
  const keep = (piece: Buffer): void => {
    if (output.length < MAX_OUTPUT_CHARS) output += piece.toString('utf8');
  };
  // Undefined when this process has no file descriptor left.
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => output.slice(0, MAX_OUTPUT_CHARS);
}

function endOf(
  child: ChildProcess,
  file: string,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<{ ok: boolean; how: string }> {
  return new Promise((resolve) => {
    const end = (ok: boolean, how: string): void => {
      signal.removeEventListener('abort', late);
      resolve({ ok, how });
    };
    const late = (): void => end(false, `${file}: not done within ${timeoutMs} ms`);
    signal.addEventListener('abort', late, { once: true });
    child.once('error', (error) =>
      end(false, codeOf(error) === 'ENOENT' ? `there is no program ${file}` : `${file}: ${messageOf(error)}`),
    );
    child.once('exit', (code, killed) => end(code === 0, `${file}: ${killed ?? `exit ${code}`}`));
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}
