import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, thisProcess, type ProcessId } from '../host/process-id.ts';

const pollMs = 500;

/**
 * Runs `work` while holding the lock file at `path`; waits for the holder, after calling `waiting` once. A lock whose holder has ended is taken over, so a killed process never blocks the next.
 */
export async function withLock<T>(path: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  let said = false;
  while (!take(path)) {
    const holder = holderOf(path);
    if (holder !== undefined && !isAlive(holder)) {
      // When several see the dead holder only one moves its file away.
      const grave = `${path}.${process.pid}`;
      try {
        renameSync(path, grave);
        rmSync(grave, { force: true });
      } catch {
        // Another was quicker.
      }
      continue;
    }
    if (!said) waiting();
    said = true;
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, JSON.stringify(thisProcess()), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** undefined: it is just being written, or just gone. */
function holderOf(path: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessId;
  } catch {
    return undefined;
  }
}
