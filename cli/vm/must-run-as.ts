import { execFile } from 'node:child_process';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

import { Problem } from '../../base/problem.ts';
import { AGENT_USER } from './agent-unit.ts';

/** Folders that ProtectHome and PrivateTmp of the unit hide from the agent, see systemd.exec(5). */
const HIDDEN = ['/home/', '/root/', '/run/user/', '/tmp/', '/var/tmp/'];
const PATIENCE_MS = 20_000;

/**
 * Runs each program as the agent's user, so that a folder that is closed to that user is found before the invite is
 * spent. The first word of a program is its path; every other one that begins with / is a file that it reads. Throws a
 * Problem that says what to open.
 */
export async function mustRunAs(user: { uid: number; gid: number }, programs: string[][]): Promise<void> {
  for (const [file = '', ...args] of programs) {
    for (const path of [file, ...args.filter((word) => word.startsWith('/'))]) await mustBeSeen(path);
    try {
      const env = { PATH: process.env['PATH'], LANG: 'C' };
      await promisify(execFile)(file, [...args, '--version'], { ...user, cwd: '/', env, timeout: PATIENCE_MS });
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: string };
      const closed = await firstClosed([file, ...args], user);
      if (closed !== undefined) throw new Problem(closed);
      const said = (stderr || message).trim().split('\n').at(-1);
      throw new Problem(`The agent's user, ${AGENT_USER}, cannot run ${file}: ${said}.`);
    }
  }
}

async function mustBeSeen(path: string): Promise<void> {
  const real = await realpath(path).catch(() => path);
  const hidden = HIDDEN.find((folder) => real.startsWith(folder));
  if (hidden !== undefined)
    throw new Problem(
      `${real} is in ${hidden.slice(0, -1)}, which the agent's unit hides from the agent: install it elsewhere, for example with LANDBRIDGE_PREFIX=/opt/landbridge.`,
    );
}

/** The first folder or file on the way to one of these paths that the user cannot use, with the remedy. */
async function firstClosed(words: string[], user: { uid: number; gid: number }): Promise<string | undefined> {
  for (const word of words.filter((one) => one.startsWith('/'))) {
    const real = await realpath(word).catch(() => word);
    const way = [real];
    while (way[0] !== '/') way.unshift(dirname(way[0]!));
    for (const step of way) {
      const it = await stat(step).catch(() => undefined);
      if (it === undefined) break;
      const bits = it.uid === user.uid ? it.mode >> 6 : it.gid === user.gid ? it.mode >> 3 : it.mode;
      // A folder has to be entered; a program read and run, or only read when another one reads it.
      const needs = it.isDirectory() ? 0o1 : word === words[0] ? 0o5 : 0o4;
      if ((bits & needs) === needs) continue;
      const mode = (it.mode & 0o7777).toString(8);
      return `${step} is closed to the user ${AGENT_USER}, who runs the agent (its mode is ${mode}): chmod a+rx ${step}, then do this again.`;
    }
  }
  return undefined;
}
