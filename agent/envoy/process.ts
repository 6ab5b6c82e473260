import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import type { Clock } from '../../base/clock.ts';
import type { Binary } from './binary.ts';
import type { Lineage } from './hot-restart.ts';
import { codeOf, messageOf } from '../../base/problem.ts';
import { kill, recordOf, removeRecord, writeRecord } from './process-record.ts';

/** One process of an Envoy. */
export interface EnvoyProcess {
  /** undefined: it could not be started. */
  pid: number | undefined;
  binary: Binary | undefined;
  /** undefined: none can take over from it. */
  lineage: Lineage | undefined;
  startedMs: number;
  /** How it ended, in a few words. */
  ended: Promise<string>;
  running(): boolean;
  kill(): void;
  /** SIGTERM, and SIGKILL after 5 s; ends when the process has. */
  end(): Promise<void>;
  /** Lets it end by itself, and ends it when it has not in this time. */
  endWithin(ms: number): Promise<void>;
}

export interface EnvoyStart {
  command: string;
  args: string[];
  /** Where it runs, and where a record of it is kept while it does, see process-record.ts. */
  folder: string;
  binary: Binary | undefined;
  lineage: Lineage | undefined;
  clock: Clock;
  /** Called with each line that it writes. */
  hear: (line: string) => void;
}

const STOP_MS = 5000;

export function startEnvoyProcess(options: EnvoyStart): EnvoyProcess {
  const { command, args, folder, binary, lineage, clock, hear } = options;
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A session of its own: Ctrl-C on a terminal must reach the agent only, which drains before it stops its Envoys.
    detached: true,
  });
  const { pid } = child;
  // Without one it has ended, and without a free file descriptor it has no streams either.
  const streams = pid === undefined ? [] : [child.stdout, child.stderr];
  for (const stream of streams) createInterface({ input: stream }).on('line', hear);
  const recorded = pid === undefined ? Promise.resolve() : record(folder, pid, lineage);
  const ended = endOf(child, command).then(async (how) => {
    await recorded;
    if (pid !== undefined) await removeRecord(folder, pid).catch(() => {});
    return how;
  });
  const running = (): boolean => pid !== undefined && child.exitCode === null && child.signalCode === null;
  const end = async (): Promise<void> => {
    if (!running()) return;
    child.kill('SIGTERM');
    const cancel = clock.after(STOP_MS, () => child.kill('SIGKILL'));
    await ended;
    cancel();
  };
  return {
    pid,
    binary,
    lineage,
    startedMs: clock.steady(),
    ended,
    running,
    kill: () => void (running() && kill(pid!, 'SIGKILL')),
    end,
    async endWithin(ms) {
      const gone = new AbortController();
      void ended.then(() => gone.abort());
      await clock.wait(ms, gone.signal);
      await end();
    },
  };
}

async function record(folder: string, pid: number, lineage: Lineage | undefined): Promise<void> {
  const found = await recordOf(pid);
  if (found) await writeRecord(folder, { ...found, baseId: lineage?.baseId }).catch(() => {});
}

/** How it ended, in a few words. A process that could not be started has an error and no exit. */
const endOf = (child: ChildProcess, command: string): Promise<string> =>
  new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(`Envoy ended (${signal ?? `exit ${code}`})`));
    child.once('error', (error) => {
      if (child.pid !== undefined) return; // Only a signal that could not be sent.
      resolve(codeOf(error) === 'ENOENT' ? `there is no Envoy at ${command}` : `${command}: ${messageOf(error)}`);
    });
  });
