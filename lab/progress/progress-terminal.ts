import { type Ahead, type Spent, leftInWords, secondsLeft } from './left.ts';
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
 * elsewhere a task that goes on says so every 20 s, so that a log shows what is being waited for. Both say about how long it
 * all takes still, where that is known.
 */
export function terminalProgress(out: NodeJS.WriteStream = process.stdout): Progress {
  const running = new Set<Running>();
  const ended: Spent[] = [];
  let ahead: readonly Ahead[] = [];
  let timer: NodeJS.Timeout | undefined;
  const clear = (): void => {
    if (out.isTTY) out.write('\r\x1b[K');
  };
  const print = (line: string): void => {
    clear();
    out.write(`${line}\n`);
  };
  const left = (now: number): string => {
    const spent = [...running].map((task) => spentBy(task, now, false));
    return leftInWords(secondsLeft(ahead, [...ended, ...spent]));
  };
  const tick = (): void => {
    const now = Date.now();
    const rest = left(now);
    if (out.isTTY) {
      const line = [...(rest === '' ? [] : [rest]), ...[...running].map((task) => describe(task, now))].join(' | ');
      out.write(`\r\x1b[K${line.slice(0, (out.columns || 80) - 1)}`);
      return;
    }
    const due = [...running].filter(({ saidMs }) => now - saidMs >= heartbeatMs);
    for (const [at, task] of due.entries()) {
      task.saidMs = now;
      const last = at === due.length - 1 && rest !== '';
      print(`    ...   ${describe(task, now)}${last ? `; ${rest}` : ''}`);
    }
  };
  const end = (task: Running, mark: string, note: string | undefined): void => {
    running.delete(task);
    ended.push(spentBy(task, Date.now(), true));
    print(`${elapsed(Date.now() - task.startedMs)} ${mark} ${task.label}${note ? `: ${note}` : ''}`);
    if (running.size === 0) clearInterval(timer);
  };
  return {
    say: print,
    expect: (tasks) => void (ahead = tasks),
    begin(label): Task {
      const now = Date.now();
      const task = { label, note: '', startedMs: now, saidMs: now };
      if (running.size === 0) timer = setInterval(tick, out.isTTY ? 250 : 1000).unref();
      running.add(task);
      return {
        at: (note) => void (task.note = note),
        startsNow: () => void (task.startedMs = Date.now()),
        done: (note) => end(task, 'ok  ', note),
        failed: (note) => end(task, 'FAIL', note),
      };
    },
  };
}

const spentBy = ({ label, startedMs }: Running, now: number, ended: boolean): Spent => ({
  label,
  seconds: (now - startedMs) / 1000,
  ended,
});

function describe(task: Running, now: number): string {
  const note = task.note === '' ? '' : `, ${task.note}`;
  return `${task.label}${note} (${Math.round((now - task.startedMs) / 1000)} s)`;
}

function elapsed(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`.padStart(9);
}
