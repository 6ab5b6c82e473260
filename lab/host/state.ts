import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stateDirectory } from '../paths.ts';
import { isAlive, processId, type ProcessId } from './process-id.ts';

const processes = join(stateDirectory, 'processes');

/**
 * Environment variable that every process of a lab inherits, so that processes that a killed `start` left are found and can be distinguished from everything else on the machine.
 */
export const marker = 'LANDBRIDGE_LAB_STATE';

/**
 * The content of the marker: the name of the lab. In a mount namespace of its own (a container, a sandbox) the state folder is another
 * one by the same name, on another file system; what runs there is seen from here and must be left alone.
 */
export const labMark = `${stateDirectory} on device ${statSync(dirname(stateDirectory)).dev}`;

/** Keeps the id of a process that outlives this one, under a name that stop and the next start know it by. */
export function rememberProcess(name: string, pid: number): void {
  const id = processId(pid);
  if (id === undefined) throw new Error(`${name} ended right after it was started`);
  mkdirSync(processes, { recursive: true });
  writeFileSync(join(processes, name), JSON.stringify(id));
}

export function forgetProcess(name: string): void {
  rmSync(join(processes, name), { force: true });
}

/** The remembered processes that are still alive. */
export function rememberedProcesses(): { name: string; id: ProcessId }[] {
  let names: string[];
  try {
    names = readdirSync(processes);
  } catch {
    return [];
  }
  return names
    .map((name) => ({ name, id: read(name) }))
    .filter((entry): entry is { name: string; id: ProcessId } => entry.id !== undefined)
    .filter((entry) => isAlive(entry.id));
}

function read(name: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(join(processes, name), 'utf8')) as ProcessId;
  } catch {
    return undefined;
  }
}

/** Processes that carry the marker, other than this one and those it came from. */
export function markedProcesses(): { id: ProcessId; command: string }[] {
  const own = ancestry(process.pid);
  const found: { id: ProcessId; command: string }[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || own.has(pid)) continue;
    const environment = readProc(pid, 'environ');
    if (!environment.split('\0').includes(`${marker}=${labMark}`)) continue;
    const id = processId(pid);
    if (id !== undefined)
      found.push({ id, command: readProc(pid, 'cmdline').split('\0').join(' ').trim().slice(0, 120) });
  }
  return found;
}

/** A process, its parent, and so on up to the first. */
export function ancestry(pid: number): Set<number> {
  const seen = new Set<number>();
  for (let next = pid; next > 0 && !seen.has(next); next = parentOf(next)) seen.add(next);
  return seen;
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(readProc(pid, 'status'))?.[1] ?? 0);
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
