import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessId } from './process-id.ts';

/**
 * Ends a process and waits until it is gone: SIGTERM, and SIGKILL after `graceMs` (default 10 s). Does nothing when
 * the pid has come to belong to another process. Throws when it outlives SIGKILL by 5 s.
 */
export async function endProcess(id: ProcessId, graceMs = 10_000): Promise<void> {
  if (await endedBy(id, 'SIGTERM', graceMs)) return;
  if (await endedBy(id, 'SIGKILL', 5000)) return;
  throw new Error(`process ${id.pid} does not end`);
}

/** Whether the process was gone within `waitMs` of the signal. With 0 no signal is sent. */
export async function endedBy(id: ProcessId, signal: NodeJS.Signals, waitMs: number): Promise<boolean> {
  if (waitMs > 0 && isAlive(id)) send(id, signal);
  const deadline = Date.now() + waitMs;
  while (isAlive(id)) {
    if (Date.now() >= deadline) return false;
    await sleep(20);
  }
  return true;
}

function send(id: ProcessId, signal: NodeJS.Signals): void {
  try {
    process.kill(id.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
