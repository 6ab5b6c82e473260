import { join } from 'node:path';

import type { Logger } from 'pino';

import type { AppCalls } from '../../mesh/proxies/app-calls.ts';

import { backOffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { type Binary, type EnvoyVersion, binaryAt } from './binary.ts';
import { Complaints } from './complaints.ts';
import { type EnvoyProcess, startEnvoyProcess } from './process.ts';
import { type EnvoyStatus, OFF } from './status.ts';
import { type EnvoySight, watchEnvoy } from './watch.ts';
import { type Lineage, newLineage } from './hot-restart.ts';
import { ADMIN_SOCKET } from '../machine/instance-id.ts';
import { messageOf } from '../../base/problem.ts';
import { type Starvation, slowSentence } from './silence.ts';
import { Succession } from './succession.ts';
import type { TokenRefusals } from './token-refusals.ts';

export interface EnvoyOptions {
  /** The instance's id. */
  id: string;
  /** Where its files are. */
  folder: string;
  /** Writes its files, see files.ts, and gives what it is started with; called before every start. */
  prepare: (lineage: Lineage | undefined) => Promise<Prepared>;
  /** Path of the Envoy binary. */
  command: string;
  clock: Clock;
  random: () => number;
  log: Logger;
  starvation: Starvation;
  /** Called when `status` changed. */
  changed: () => void;
  /** Called with the counts of calls to the app, about once a second. */
  counted: (calls: AppCalls) => void;
}

export interface Prepared {
  args: string[];
  /** How long the process before goes on after this one has taken over. */
  leaveMs: number;
}

const RESTART = { firstMs: 100, maxMs: 5000 };
/** Up for this long, and the next crash counts as the first. */
const STEADY_MS = 30_000;
/** Time for a process to leave by itself, beyond the time that Envoy gives it. */
const LEAVE_GRACE_MS = 3000;

/** One stock Envoy, kept running: one process, or two while one takes over from the other. */
export class Envoy {
  status: EnvoyStatus = { ...OFF, restarts: 0 };

  readonly #options: EnvoyOptions;
  readonly #socket: string;
  readonly #complaints: Complaints;
  readonly #processes = new Succession();
  #wanted = false;
  /** One more with each stop: a start from before is not to be finished. */
  #turn = 0;
  #crashes = 0;
  #cancelRestart = (): void => {};

  constructor(options: EnvoyOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.clock);
    this.#socket = join(options.folder, ADMIN_SOCKET);
  }

  /** Which program it runs. */
  get binary(): Binary | undefined {
    return this.#processes.current?.binary;
  }

  get refusals(): TokenRefusals {
    return this.#complaints.tokens;
  }

  /** Does nothing when it runs already. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#crashes = 0;
    void this.#launch();
  }

  /** Ends when its processes have ended: SIGTERM, and SIGKILL after 5 s. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#turn += 1;
    this.#cancelRestart();
    await this.#processes.end();
    this.#set(OFF);
  }

  /** Ends the process and starts another: calls in between fail. */
  async restart(): Promise<void> {
    await this.stop();
    this.start();
  }

  /** Whether another process, of this version, could take over now. */
  canHandOver({ hotRestart }: EnvoyVersion): boolean {
    const { state, version } = this.status;
    return state === 'live' && this.#processes.current?.lineage !== undefined && version?.hotRestart === hotRestart;
  }

  /**
   * Starts another process that takes over the listening sockets of the one that runs, once it has its configuration from
   * Consul; until then the one that runs serves. Gives the reason of a failure; undefined: it serves. After a failure the running process goes on, but cannot hand over any longer.
   */
  async handOver(): Promise<string | undefined> {
    const [processes, { id, log }] = [this.#processes, this.#options];
    const before = processes.current;
    if (before?.lineage === undefined || processes.takesOver) return 'it can hand over to no other process now';
    const { baseId, epoch } = before.lineage;
    const outcome = processes.outcome();
    let leaveMs: number;
    try {
      leaveMs = await this.#begin({ baseId, epoch: epoch + 1 }, before);
    } catch (error) {
      processes.settle(messageOf(error));
      return messageOf(error);
    }
    const problem = await outcome;
    if (problem === undefined) {
      log.info({ instance: id, pid: processes.current?.pid, before: before.pid }, 'another Envoy has taken over');
      processes.leave(before, leaveMs + LEAVE_GRACE_MS);
    }
    return problem;
  }

  async #launch(): Promise<void> {
    this.#set({ ...OFF, state: 'starting', problem: this.status.problem });
    try {
      await this.#begin(await newLineage(this.#options.random), undefined);
    } catch (error) {
      this.#again(`its files in ${this.#options.folder} cannot be written (${messageOf(error)})`);
    }
  }

  /** Starts a process, which becomes the current one. Gives how long the one before may go on. */
  async #begin(lineage: Lineage | undefined, before: EnvoyProcess | undefined): Promise<number> {
    const { id, folder, command, prepare, clock, log } = this.#options;
    const turn = this.#turn;
    const binary = await binaryAt(command);
    const { args, leaveMs } = await prepare(lineage);
    if (turn !== this.#turn) return leaveMs;
    this.#complaints.begin({ takesOver: before !== undefined });
    const hear = (line: string): void => this.#hear(line);
    const started = startEnvoyProcess({ command, args, folder, binary, lineage, clock, hear });
    [this.#processes.current, this.#processes.before] = [started, before];
    void started.ended.then((how) => this.#ended(started, how));
    if (started.pid === undefined) return leaveMs;
    log.info({ instance: id, pid: started.pid, before: before?.pid }, 'Envoy started');
    if (before === undefined) this.#set({ pid: started.pid });
    void this.#watch(started);
    return leaveMs;
  }

  async #ended(ended: EnvoyProcess, how: string): Promise<void> {
    const processes = this.#processes;
    await processes.clear(ended);
    if (ended === processes.before) return void (processes.before = undefined);
    if (ended !== processes.current) return;
    const why = this.#complaints.why(how);
    if (processes.takesOver && (await this.#goBack(why))) return;
    processes.current = undefined;
    if (this.#options.clock.steady() - ended.startedMs > STEADY_MS) this.#crashes = 0;
    this.#again(why);
  }

  /** The process that was to take over has ended: the one before goes on, if it still serves. */
  async #goBack(why: string): Promise<boolean> {
    const kept = await this.#processes.goBack(why, this.status.ports);
    if (kept === undefined) return false;
    void kept.ended.then((how) => this.#ended(kept, how));
    this.#set({ problem: `another Envoy could not take over from it: ${why}` });
    return true;
  }

  /** Starts it again after a while, unless it is to be off. */
  #again(problem: string): void {
    if (!this.#wanted) return;
    const { id, clock, random, log } = this.#options;
    this.#crashes += 1;
    const waitMs = backOffMs(RESTART, this.#crashes, random);
    log.warn({ instance: id, problem, restartInMs: Math.round(waitMs) }, 'Envoy does not run, starting it again');
    this.#set({
      ...OFF,
      state: 'waiting',
      problem,
      lastEnd: { why: problem, at: new Date(clock.now()).toISOString() },
    });
    this.#cancelRestart = clock.after(waitMs, () => {
      this.status = { ...this.status, restarts: this.status.restarts + 1 };
      void this.#launch();
    });
  }

  #watch(watched: EnvoyProcess): Promise<void> {
    const { id, clock, log, starvation } = this.#options;
    const isCurrent = (): boolean => watched === this.#processes.current;
    return watchEnvoy({
      ...{ socket: this.#socket, clock, isCurrent, starvation, name: `${id} ${watched.pid}` },
      saw: async (sight) => {
        if (sight.live) await this.#complaints.review(this.#socket);
        if (isCurrent()) this.#take(watched, sight);
      },
      slow: (silence) => {
        log.warn(
          { instance: id, pid: watched.pid, ...silence },
          'Envoy does not answer, and the machine is short of CPU',
        );
        this.#set({ problem: slowSentence(silence) });
      },
      hangs: async (silence) => {
        log.warn({ instance: id, pid: watched.pid, ...silence }, 'Envoy does not answer, killing it');
        this.#complaints.hangs(silence.silentMs);
        watched.kill();
        await watched.ended;
      },
    });
  }

  /** Takes what the process says of itself; until it has taken over, it is the one before that counts. */
  #take({ pid }: EnvoyProcess, { live, version, ports, connected, updates, calls }: EnvoySight): void {
    if (this.#processes.takesOver && !live) return;
    const counted = this.#complaints.count(updates);
    this.#set({ state: live ? 'live' : 'starting', pid, version, ports, connected, ...counted });
    this.#options.counted(calls);
    this.#processes.settle(undefined);
  }

  #hear(line: string): void {
    const { id, log } = this.#options;
    if (line.startsWith('{')) return log.info({ instance: id, access: line }, 'Envoy served');
    log.warn({ instance: id, envoy: line }, 'Envoy says');
    this.#complaints.hear(line);
  }

  #set(change: Partial<EnvoyStatus>): void {
    const before = this.status;
    this.status = { ...before, ...change };
    if (JSON.stringify(before) !== JSON.stringify(this.status)) this.#options.changed();
  }
}
