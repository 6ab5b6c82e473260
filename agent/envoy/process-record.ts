import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { atomicWrite } from '../machine/atomic-write.ts';
import type { Clock } from '../../base/clock.ts';
import { endLineage } from './hot-restart.ts';

/** A process, however often its number is used again: see proc(5), field 22 of /proc/PID/stat. */
export interface ProcessRecord {
  pid: number;
  startTicks: number;
  /** The base ID of its shared memory, see hot-restart.ts. */
  baseId?: number;
}

const SUFFIX = '.pid';
const fileOf = (pid: number): string => `envoy-${pid}${SUFFIX}`;

export async function recordOf(pid: number): Promise<ProcessRecord | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The command name, in brackets, may hold spaces and brackets itself.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined || fields[0] === 'Z') return undefined;
  return { pid, startTicks: Number(fields[19]) };
}

export const writeRecord = (folder: string, record: ProcessRecord): Promise<void> =>
  atomicWrite(join(folder, fileOf(record.pid)), JSON.stringify(record), { mode: 0o640 });

export const removeRecord = (folder: string, pid: number): Promise<void> =>
  rm(join(folder, fileOf(pid)), { force: true });

/**
 * Ends the Envoys that an agent before this one started and could not stop, because it was killed itself. They would
 * hold the ports. Returns their pids. A number that was used again since belongs to somebody else and is left alone.
 */
export async function endStrays(runtimeDir: string, clock: Clock): Promise<number[]> {
  const entries = await readdir(runtimeDir, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(runtimeDir, entry.name));
  const files = await Promise.all(
    folders.map(async (folder) => {
      const inside = await readdir(folder).catch(() => []);
      return inside.filter((file) => file.endsWith(SUFFIX)).map((file) => join(folder, file));
    }),
  );
  const ended = await Promise.all(files.flat().map((file) => endStray(file, clock)));
  return ended.filter((pid) => pid !== undefined);
}

async function endStray(file: string, clock: Clock): Promise<number | undefined> {
  const record = readRecord(await readFile(file, 'utf8').catch(() => ''));
  const alive = async (): Promise<boolean> =>
    record !== undefined && (await recordOf(record.pid))?.startTicks === record.startTicks;
  const found = await alive();
  for (const [signal, patienceMs] of [
    ['SIGTERM', 2000],
    ['SIGKILL', 2000],
  ] as const) {
    if (!(await alive())) break;
    kill(record!.pid, signal);
    const untilMs = clock.steady() + patienceMs;
    while ((await alive()) && clock.steady() < untilMs) await clock.wait(20);
  }
  if (record?.baseId !== undefined) await endLineage(record.baseId).catch(() => {});
  await rm(file, { force: true });
  return found ? record?.pid : undefined;
}

function readRecord(text: string): ProcessRecord | undefined {
  try {
    const { pid, startTicks, baseId } = JSON.parse(text) as ProcessRecord;
    if (!(Number.isInteger(pid) && pid > 1 && Number.isInteger(startTicks))) return undefined;
    return { pid, startTicks, ...(Number.isInteger(baseId) ? { baseId } : {}) };
  } catch {
    return undefined;
  }
}

/** Signals a process that may have ended meanwhile. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
