import type { Progress, Task } from './progress.ts';

interface Running {
  label: string;
  note: string;
  startedMs: number;
  saidMs: number;
}

const heartbeatMs = 20_000;

/**
 * One line a finished task, with what it took. On a terminal the running ones are shown in a last line that changes;
 * elsewhere a task that goes on says so every 20 s, so that a log shows what is being waited for.
 */
export function terminalProgress(out: NodeJS.WriteStream = process.stdout): Progress {
  const running = new Set<Running>();
  let timer: NodeJS.Timeout | undefined;
  const clear = (): void => {
    if (out.isTTY) out.write('\r\x1b[K');
  };
  const print = (line: string): void => {
    clear();
    out.write(`${line}\n`);
  };
  const tick = (): void => {
    const now = Date.now();
    if (out.isTTY) {
      const line = [...running].map((task) => describe(task, now)).join(' | ');
      out.write(`\r\x1b[K${line.slice(0, (out.columns || 80) - 1)}`);
      return;
    }
    for (const task of running) {
      if (now - task.saidMs < heartbeatMs) continue;
      task.saidMs = now;
      print(`    ...   ${describe(task, now)}`);
    }
  };
  const end = (task: Running, mark: string, note: string | undefined): void => {
    running.delete(task);
    print(`${elapsed(Date.now() - task.startedMs)} ${mark} ${task.label}${note ? `: ${note}` : ''}`);
    if (running.size === 0) clearInterval(timer);
  };
  return {
    say: print,
    begin(label): Task {
      const now = Date.now();
      const task = { label, note: '', startedMs: now, saidMs: now };
      if (running.size === 0) timer = setInterval(tick, out.isTTY ? 250 : 1000).unref();
      running.add(task);
      return {
        at: (note) => void (task.note = note),
        done: (note) => end(task, 'ok  ', note),
        failed: (note) => end(task, 'FAIL', note),
      };
    },
  };
}

function describe(task: Running, now: number): string {
  const note = task.note === '' ? '' : `, ${task.note}`;
  return `${task.label}${note} (${Math.round((now - task.startedMs) / 1000)} s)`;
}

function elapsed(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`.padStart(9);
}
