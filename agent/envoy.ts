import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { Logger } from 'pino';

import { backOffMs } from './back-off.ts';
import type { Clock } from './clock.ts';
import { askEnvoy, listenerProblem } from './envoy-admin.ts';
import { ADMIN_SOCKET } from './instance-id.ts';
import { codeOf, messageOf } from './problem.ts';
import { kill, recordOf, removeRecord, writeRecord } from './process-record.ts';
import { type TokenRefusals, watchTokenRefusals } from './token-refusals.ts';

export interface EnvoyOptions {
  /** The instance's id. */
  id: string;
  /** Where its files are. */
  folder: string;
  /** Writes its files, see envoy-files.ts, and gives the options it is started with; called before every start. */
  prepare: () => Promise<string[]>;
  /** Path of the Envoy binary. */
  command: string;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** Called when `status` changed. */
  changed: () => void;
}

/**
 *   off --start--> starting --LIVE--> live --exit or hang--> waiting --back-off--> starting
 *                                any --stop--> off
 */
export interface EnvoyStatus {
  state: 'off' | 'starting' | 'live' | 'waiting';
  pid: number | undefined;
  restarts: number;
  /** Ports of its open listeners. */
  ports: number[];
  /** It has a stream to Consul. */
  connected: boolean;
  /** One line: why it does not run, or what it refused. */
  problem: string | undefined;
}

const OFF = { state: 'off', pid: undefined, ports: [], connected: false, problem: undefined } satisfies Omit<
  EnvoyStatus,
  'restarts'
>;
const RESTART = { firstMs: 100, maxMs: 5000 };
/** Asked quickly until it is live the first time, so that joining does not wait for the next full second. */
const ASK_STARTING_MS = 100;
const ASK_LIVE_MS = 1000;
const HANG_MS = 5000;
const STOP_MS = 5000;
/** Up for this long, and the next crash counts as the first. */
const STEADY_MS = 30_000;
const COMPLAINT = /\[(?:critical|error)\]|rejected|cannot bind|permissiondenied|unauthenticated|stream.* closed/i;

/** One stock Envoy process, kept running. */
export class Envoy {
  status: EnvoyStatus = { ...OFF, restarts: 0 };
  readonly refusals: TokenRefusals;

  readonly #options: EnvoyOptions;
  readonly #socket: string;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #wanted = false;
  #crashes = 0;
  #complaint: string | undefined;
  #cancelRestart = (): void => {};

  constructor(options: EnvoyOptions) {
    this.#options = options;
    this.refusals = watchTokenRefusals(options.clock);
    this.#socket = join(options.folder, ADMIN_SOCKET);
  }

  /** Does nothing when it runs already. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#crashes = 0;
    void this.#launch();
  }

  /** Ends when the process has ended: SIGTERM, and SIGKILL after 5 s. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#cancelRestart();
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const cancel = this.#options.clock.after(STOP_MS, () => child.kill('SIGKILL'));
      await this.#exited;
      cancel();
    }
    this.#set(OFF);
  }

  async #launch(): Promise<void> {
    const { id, folder, command, prepare, clock, log } = this.#options;
    const startedMs = clock.monotonicMs();
    this.#complaint = undefined;
    this.#set({ ...OFF, state: 'starting', problem: this.status.problem });
    let args: string[];
    try {
      args = await prepare();
    } catch (error) {
      return this.#again(`its files in ${folder} cannot be written (${messageOf(error)})`);
    }
    if (!this.#wanted) return;
    const child = spawn(command, args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C on a terminal must reach the agent only, which drains before it stops its Envoys.
      detached: true,
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => this.#hear(line));
    this.#exited = endOf(child, command).then((end) => this.#ended(child, end, startedMs));
    if (child.pid !== undefined) {
      this.#set({ pid: child.pid });
      log.info({ instance: id, pid: child.pid }, 'Envoy started');
      void this.#record(child.pid);
      void this.#watch(child, startedMs);
    }
  }

  async #record(pid: number): Promise<void> {
    const record = await recordOf(pid);
    if (record) await writeRecord(this.#options.folder, record).catch(() => {});
  }

  async #ended(child: ChildProcess, end: string, startedMs: number): Promise<void> {
    const { folder, clock } = this.#options;
    if (child !== this.#child) return;
    this.#child = undefined;
    await removeRecord(folder).catch(() => {});
    if (clock.monotonicMs() - startedMs > STEADY_MS) this.#crashes = 0;
    this.#again(this.#complaint === undefined ? end : `${end}: ${this.#complaint}`);
  }

  /** Starts it once more after a while, unless it is to be off. */
  #again(problem: string): void {
    if (!this.#wanted) return;
    const { id, clock, random, log } = this.#options;
    this.#crashes += 1;
    const waitMs = backOffMs(RESTART, this.#crashes, random);
    log.warn({ instance: id, problem, restartInMs: Math.round(waitMs) }, 'Envoy does not run, starting it again');
    this.#set({ ...OFF, state: 'waiting', problem });
    this.#cancelRestart = clock.after(waitMs, () => {
      this.status = { ...this.status, restarts: this.status.restarts + 1 };
      void this.#launch();
    });
  }

  /** Asks the admin socket for as long as this process is the one; kills it when it does not answer for 5 s. */
  async #watch(child: ChildProcess, startedMs: number): Promise<void> {
    const { id, clock, log } = this.#options;
    let answeredMs = startedMs;
    let settled = false;
    while (child === this.#child) {
      await new Promise<void>((resolve) => clock.after(settled ? ASK_LIVE_MS : ASK_STARTING_MS, resolve));
      try {
        const { live, ports, connected } = await askEnvoy(this.#socket, HANG_MS / 2);
        if (this.#complaint !== undefined && live) this.#complaint = await listenerProblem(this.#socket, HANG_MS / 2);
        if (child !== this.#child) return;
        answeredMs = clock.monotonicMs();
        settled = live && ports.length > 0;
        this.#set({ state: live ? 'live' : 'starting', ports, connected, problem: this.#complaint });
      } catch {
        if (child !== this.#child) return;
        if (clock.monotonicMs() - answeredMs < HANG_MS) continue;
        log.warn({ instance: id, pid: child.pid }, 'Envoy does not answer, killing it');
        this.#complaint = `it did not answer for ${HANG_MS / 1000} s`;
        if (child.pid !== undefined) kill(child.pid, 'SIGKILL');
        await this.#exited;
      }
    }
  }

  #hear(line: string): void {
    const { id, log } = this.#options;
    if (line.startsWith('{')) return log.info({ instance: id, access: line }, 'Envoy served');
    log.warn({ instance: id, envoy: line }, 'Envoy says');
    this.refusals.hear(line);
    if (COMPLAINT.test(line)) this.#complaint = withoutPrefix(line);
  }

  #set(change: Partial<EnvoyStatus>): void {
    const before = this.status;
    this.status = { ...before, ...change };
    if (JSON.stringify(before) !== JSON.stringify(this.status)) this.#options.changed();
  }
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

/** Envoy's lines start with `[time][thread][level][component] [file:line] `. */
const withoutPrefix = (line: string): string => line.replace(/^(?:\[[^\]]*\]\s*)+/, '').slice(0, 500);
