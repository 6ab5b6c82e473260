import { readFile, readdir } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

import { codeOf } from '../base/problem.ts';

/** In the environment of all that a check starts, with a value of its own for each run. */
export const CHECK_MARK = 'LANDBRIDGE_CHECK_ID';

/** Something that forks as fast as it is ended could go on for ever. */
const MAX_ROUNDS = 40;

interface Process {
  pid: number;
  parent: number;
  group: number;
  session: number;
  /** With the pid, it names one process: a pid is used again. */
  startTicks: string;
}

/**
 * Ends all processes that a check has started: its process group, its session, its descendants, and the processes that
 * have left all of these and still carry its mark, as `timeout`, `setsid` and daemons do. Gives the number of processes
 * that run as another user and cannot be ended. A process that clears its environment, leaves its session and outlives
 * its parent is not found; it ends with the agent's unit. Never throws.
 */
export async function endCheckProcesses(child: number, mark: string): Promise<number> {
  /** Names of processes that may not be ended. */
  const denied = new Set<string>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const found = (await processesOf(child, mark)).filter((one) => !denied.has(nameOf(one)));
    if (found.length === 0) break;
    for (const one of found) {
      const still = await read(one.pid);
      if (still !== undefined && nameOf(still) === nameOf(one) && !end(one.pid)) denied.add(nameOf(one));
    }
    // A killed process ends when the kernel gives it a turn.
    await setTimeout(round);
  }
  return denied.size;
}

const nameOf = ({ pid, startTicks }: Process): string => `${pid} ${startTicks}`;

/** False when it may not be ended. */
function end(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    return codeOf(error) !== 'EPERM';
  }
}

async function processesOf(child: number, mark: string): Promise<Process[]> {
  const all = (await Promise.all((await candidates()).map(read))).flatMap((one) => one ?? []);
  const found = new Set<number>([child]);
  for (const one of all) if (one.group === child || one.session === child) found.add(one.pid);
  const others = all.filter(({ pid }) => !found.has(pid) && pid !== process.pid);
  const marked = await Promise.all(others.map(({ pid }) => carries(pid, mark)));
  others.forEach(({ pid }, index) => marked[index] && found.add(pid));
  const children = new Map<number, number[]>();
  for (const { pid, parent } of all) children.set(parent, [...(children.get(parent) ?? []), pid]);
  // A Set gives what is added to it meanwhile, too.
  for (const pid of found) for (const one of children.get(pid) ?? []) found.add(one);
  return all.filter(({ pid }) => found.has(pid));
}

/** The processes that a check can have started: the agent's own control group, where it can be read, else all. */
async function candidates(): Promise<number[]> {
  const numbers = (words: string[]): number[] => words.filter((word) => /^\d+$/.test(word)).map(Number);
  for (const file of groupFiles(await readFile('/proc/self/cgroup', 'utf8').catch(() => ''))) {
    const pids = numbers((await readFile(file, 'utf8').catch(() => '')).split('\n'));
    if (pids.includes(process.pid)) return pids;
  }
  return numbers(await readdir('/proc').catch(() => []));
}

/** Where the members of a control group are listed, of the systemd hierarchy of version 1 and of version 2: cgroups(7). */
export const groupFiles = (said: string): string[] =>
  said.split('\n').flatMap((line) => {
    const [, , controllers = '', path = ''] = /^(\d+):([^:]*):(\/.+)$/.exec(line) ?? [];
    if (path === '') return [];
    if (controllers === 'name=systemd') return [`/sys/fs/cgroup/systemd${path}/cgroup.procs`];
    if (controllers !== '') return [];
    return [`/sys/fs/cgroup${path}/cgroup.procs`, `/sys/fs/cgroup/unified${path}/cgroup.procs`];
  });

/** proc(5), /proc/PID/stat. Undefined for one that has ended. */
async function read(pid: number): Promise<Process | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The command name, in brackets, may hold spaces and brackets itself.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const [, parent, group, session] = fields.map(Number);
  return { pid, parent: parent!, group: group!, session: session!, startTicks: fields[19]! };
}

const carries = async (pid: number, mark: string): Promise<boolean> =>
  (await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')).split('\0').includes(`${CHECK_MARK}=${mark}`);
