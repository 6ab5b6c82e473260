import { join } from 'node:path';

import type { Logger } from 'pino';

import { type Heard, heardIn } from '../../mesh/proxies/heard.ts';
import { type Account, NO_ACCOUNT, accountOf } from '../../mesh/proxies/refusals.ts';

import { backOffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { listenerProblem } from './admin.ts';
import { type Binary, type EnvoyVersion, binaryAt } from './binary.ts';
import { type EnvoyProcess, startEnvoyProcess } from './process.ts';
import { type EnvoyStatus, OFF, complaintIn } from './status.ts';
import { ANSWER_MS, type EnvoySight, watchEnvoy } from './watch.ts';
import { type Lineage, endLineage, newLineage } from './hot-restart.ts';
import { ADMIN_SOCKET } from '../machine/instance-id.ts';
import { listenersOn } from '../machine/listening.ts';
import { messageOf } from '../../base/problem.ts';
import { type Starvation, slowSentence } from './silence.ts';
import { type TokenRefusals, watchTokenRefusals } from './token-refusals.ts';

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
  readonly refusals: TokenRefusals;

  readonly #options: EnvoyOptions;
  readonly #socket: string;
  #process: EnvoyProcess | undefined;
  /** The process before: serves until `#process` has taken over. */
  #before: EnvoyProcess | undefined;
  /** Those that were taken over from, and end when they have drained. */
  readonly #leaving = new Set<EnvoyProcess>();
  /** While a process takes over: tells how it went; undefined = well. */
  #takenOver: ((problem: string | undefined) => void) | undefined;
  #wanted = false;
  /** One more with each stop: a start from before is not to be finished. */
  #turn = 0;
  #crashes = 0;
  #complaint: string | undefined;
  /** The updates that it refused, and its last words of each kind. */
  #account: Account = NO_ACCOUNT;
  #heard: Heard[] = [];
  #cancelRestart = (): void => {};

  constructor(options: EnvoyOptions) {
    this.#options = options;
    this.refusals = watchTokenRefusals(options.clock);
    this.#socket = join(options.folder, ADMIN_SOCKET);
  }

  /** Which program it runs. */
  get binary(): Binary | undefined {
    return this.#process?.binary;
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
    this.#takenOver?.('it was stopped');
    const ending = [this.#process, this.#before, ...this.#leaving].map((one) => one?.end());
    [this.#process, this.#before, this.#takenOver] = [undefined, undefined, undefined];
    await Promise.all(ending);
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
    return state === 'live' && this.#process?.lineage !== undefined && version?.hotRestart === hotRestart;
  }

  /**
   * Starts another process that takes over the listening sockets of the one that runs, once it has its configuration from
   * Consul; until then the one that runs serves. Gives the reason of a failure; undefined: it serves. After a failure the running process goes on, but cannot hand over any longer.
   */
  async handOver(): Promise<string | undefined> {
    const [before, { id, log }] = [this.#process, this.#options];
    if (before?.lineage === undefined || this.#takenOver !== undefined)
      return 'it can hand over to no other process now';
    const { baseId, epoch } = before.lineage;
    const outcome = new Promise<string | undefined>((resolve) => (this.#takenOver = resolve));
    let leaveMs: number;
    try {
      leaveMs = await this.#begin({ baseId, epoch: epoch + 1 }, before);
    } catch (error) {
      this.#takenOver = undefined;
      return messageOf(error);
    }
    const problem = await outcome;
    if (problem === undefined) {
      log.info({ instance: id, pid: this.#process?.pid, before: before.pid }, 'another Envoy has taken over');
      this.#leave(before, leaveMs + LEAVE_GRACE_MS);
    }
    return problem;
  }

  /**
   * The one that took over tells it to end, in time or when it hands over itself, and asks it for its statistics until then:
   * an Envoy whose predecessor was ended by another waits for that answer for ever. So it is ended only when it is late.
   */
  #leave(before: EnvoyProcess, withinMs: number): void {
    this.#before = undefined;
    this.#leaving.add(before);
    void before.ended.then(() => this.#leaving.delete(before));
    void before.endWithin(withinMs);
  }

  async #launch(): Promise<void> {
    this.#set({ ...OFF, state: 'starting', problem: this.status.problem });
    try {
      await this.#begin(await newLineage(this.#options.random), undefined);
    } catch (error) {
      this.#again(`its files in ${this.#options.folder} cannot be written (${messageOf(error)})`);
    }
  }

  /** Starts a process, which becomes `#process`. Gives how long the one before may go on. */
  async #begin(lineage: Lineage | undefined, before: EnvoyProcess | undefined): Promise<number> {
    const { id, folder, command, prepare, clock, log } = this.#options;
    const turn = this.#turn;
    const binary = await binaryAt(command);
    const { args, leaveMs } = await prepare(lineage);
    if (turn !== this.#turn) return leaveMs;
    this.#complaint = undefined;
    // One that takes over brings the counters of the one before along.
    if (before === undefined) [this.#account, this.#heard] = [NO_ACCOUNT, []];
    const hear = (line: string): void => this.#hear(line);
    const started = startEnvoyProcess({ command, args, folder, binary, lineage, clock, hear });
    [this.#process, this.#before] = [started, before];
    void started.ended.then((how) => this.#ended(started, how));
    if (started.pid === undefined) return leaveMs;
    log.info({ instance: id, pid: started.pid, before: before?.pid }, 'Envoy started');
    if (before === undefined) this.#set({ pid: started.pid });
    void this.#watch(started);
    return leaveMs;
  }

  async #ended(ended: EnvoyProcess, how: string): Promise<void> {
    const others = [this.#process, this.#before, ...this.#leaving].filter(
      (other) => other !== ended && other?.running(),
    );
    const baseId = ended.lineage?.baseId;
    if (baseId !== undefined && !others.some((other) => other?.lineage?.baseId === baseId))
      await endLineage(baseId).catch(() => {});
    if (ended === this.#before) return void (this.#before = undefined);
    if (ended !== this.#process) return;
    const why = this.#complaint === undefined ? how : `${how}: ${this.#complaint}`;
    const { clock } = this.#options;
    if (this.#takenOver !== undefined && (await this.#goBack(why))) return;
    this.#process = undefined;
    if (clock.steady() - ended.startedMs > STEADY_MS) this.#crashes = 0;
    this.#again(why);
  }

  /** The process that was to take over has ended: the one before goes on, if it still serves. */
  async #goBack(why: string): Promise<boolean> {
    const [before, told] = [this.#before, this.#takenOver];
    [this.#before, this.#takenOver] = [undefined, undefined];
    told?.(why);
    if (before === undefined || !before.running() || !this.#wanted) return false;
    const listening = await Promise.all(this.status.ports.map(listenersOn));
    if (listening.some((sockets) => sockets.length === 0)) {
      await before.end();
      return false;
    }
    const kept = { ...before, lineage: undefined };
    this.#process = kept;
    void before.ended.then((how) => this.#ended(kept, how));
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
    this.#set({ ...OFF, state: 'waiting', problem, lastEnd: { why: problem, at: new Date(clock.now()).toISOString() } });
    this.#cancelRestart = clock.after(waitMs, () => {
      this.status = { ...this.status, restarts: this.status.restarts + 1 };
      void this.#launch();
    });
  }

  #watch(watched: EnvoyProcess): Promise<void> {
    const { id, clock, log, starvation } = this.#options;
    const isCurrent = (): boolean => watched === this.#process;
    return watchEnvoy({
      ...{ socket: this.#socket, clock, isCurrent, starvation, name: `${id} ${watched.pid}` },
      saw: async (sight) => {
        if (this.#complaint !== undefined && sight.live)
          this.#complaint = await listenerProblem(this.#socket, ANSWER_MS);
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
        this.#complaint = `it did not answer for ${Math.round(silence.silentMs / 1000)} s`;
        watched.kill();
        await watched.ended;
      },
    });
  }

  /** Takes what the process says of itself; until it has taken over, it is the one before that counts. */
  #take({ pid }: EnvoyProcess, { live, version, ports, connected, updates }: EnvoySight): void {
    if (this.#takenOver !== undefined && !live) return;
    this.#account = accountOf(this.#account, updates, this.#heard);
    const { refusals } = this.#account;
    const problem =
      this.#complaint ?? refusals.map(({ kind, words }) => `it refused its ${kind}: ${words ?? 'no words'}`)[0];
    this.#set({ state: live ? 'live' : 'starting', pid, version, ports, connected, refusals, problem });
    this.#takenOver?.(undefined);
    this.#takenOver = undefined;
  }

  #hear(line: string): void {
    const { id, log } = this.#options;
    if (line.startsWith('{')) return log.info({ instance: id, access: line }, 'Envoy served');
    log.warn({ instance: id, envoy: line }, 'Envoy says');
    this.refusals.hear(line);
    const said = heardIn(line);
    if (said !== undefined) {
      const atMs = this.#options.clock.now();
      this.#heard = [...this.#heard.filter(({ kind }) => kind !== said.kind), { ...said, atMs }];
    }
    this.#complaint = complaintIn(line) ?? this.#complaint;
  }

  #set(change: Partial<EnvoyStatus>): void {
    const before = this.status;
    this.status = { ...before, ...change };
    if (JSON.stringify(before) !== JSON.stringify(this.status)) this.#options.changed();
  }
}
