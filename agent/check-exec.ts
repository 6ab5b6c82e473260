import { spawn } from 'node:child_process';

import type { CheckResult } from './check.ts';
import { codeOf, messageOf } from './problem.ts';

/** Of what it writes, as much is kept; the rest is read and dropped. */
const MAX_OUTPUT_CHARS = 1000;

/** Runs a program as the agent's user. When it takes too long it is killed, with all that it has started. Never throws. */
export function execCheck(
  command: string[],
  port: number,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<CheckResult> {
  const [file = '', ...args] = command;
  return new Promise((resolve) => {
    const { PATH, LANG } = process.env;
    const env = { PATH, LANG, LANDBRIDGE_PORT: String(port) };
    // A process group of its own, so that what it starts can be ended with it.
    const child = spawn(file, args, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    const keep = (piece: Buffer): void => {
      if (output.length < MAX_OUTPUT_CHARS) output += piece.toString('utf8');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const end = (ok: boolean, how: string): void => {
      signal.removeEventListener('abort', late);
      killGroup(child.pid);
      const said = output.slice(0, MAX_OUTPUT_CHARS).trim().split('\n')[0];
      resolve({ ok, output: said ? `${how}: ${said}` : how });
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
