import type { Logger } from 'pino';

import type { PlannedDoors } from '../../mesh/doors/machine-doors.ts';
import {
  type DoorOf,
  type DoorReport,
  type WantedDoors,
  doorNote,
  wantedDoors,
} from '../../mesh/doors/machine-doors.ts';
import { MAX_DOOR_ADDRESSES } from '../../mesh/outside/bridge-api.ts';

import type { Clock } from '../../base/clock.ts';
import type { DoorStatus } from '../instances/instance-status.ts';
import { type DoorsState, readDoorsState, writeAsked } from './door-files.ts';
import { inParallel } from '../../base/in-parallel.ts';
import { messageOf } from '../../base/problem.ts';
import { type TcpSocket, callersOf, listeningOn, ownAddresses, readSockets } from '../../base/proc-net.ts';
import type { Settings } from '../machine/settings.ts';
import { type Door, tryDoor } from './try-door.ts';

export interface DoorsOptions {
  settings: Pick<Settings, 'runtimeDir' | 'doorsDir'>;
  clock: Clock;
  log: Logger;
  /** Called when an instance need not wait for its door any longer. */
  settled: () => void;
  /** Default: the machine. */
  tryDoor?: (port: number) => Promise<Door>;
  readSockets?: () => Promise<TcpSocket[]>;
}

/** As a LocalInstance is. */
export type DoorInstance = DoorOf & { condition(): { app: { state: string } | undefined } };

/** Root needs about half a second: meanwhile it is looked often, and asked again after a second, since systemd can miss a change. */
const SOON_MS = 100;
const ASK_SOON_MS = 1000;
/** For so long a new instance waits for its door. Then it goes on, and its status says that it is open. */
const WAIT_MS = 10_000;
const LOOK_MS = 5000;
/** All 256 ports that a machine may close are done within 16 s, even where the machine swallows all trials. */
const TRIES_AT_A_TIME = 16;
const ASK_AGAIN_MS = 5000;
/** Root cannot do it: it is asked now and then, in case somebody has installed what it lacks. */
const ASK_SELDOM_MS = 60_000;

const NOBODY =
  'nobody on this machine sets the rules: as root, run the line of a new invite (landbridge vm invite), which installs landbridge-doors.path, or landbridge vm doors';

/**
 * The doors of this machine: asks root to close the ports of Strict MeshServices, tries whether they are closed, and asks again when somebody has taken the rules away. Closed ports stay closed when the agent ends.
 */
export class Doors {
  readonly #options: DoorsOptions;
  #instances: () => readonly DoorInstance[] = () => [];
  #plans: readonly { service: string; doors?: PlannedDoors }[] = [];
  #wanted: WantedDoors = { close: [], open: [], shared: new Map() };
  #state: DoorsState | undefined;
  #asked: { text: string; atMs: number } | undefined;
  #ask = 0;
  #problem: string | undefined;
  #inForce = new Set<number>();
  /** The time since when a port is wanted closed; undefined: no instance waits for it. */
  readonly #waiting = new Map<number, number | undefined>();
  #reports = new Map<string, DoorReport>();
  #looking: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #cancel = (): void => {};

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  /** Takes what runs here and what the MeshServices say, and looks at once. */
  want(instances: () => readonly DoorInstance[], plans: readonly { service: string; doors?: PlannedDoors }[]): void {
    this.#instances = instances;
    this.#plans = plans;
    this.#wanted = wantedDoors(instances(), plans);
    const { close } = this.#wanted;
    for (const port of this.#waiting.keys()) if (!close.includes(port)) this.#waiting.delete(port);
    for (const port of close) if (!this.#waiting.has(port)) this.#waiting.set(port, this.#options.clock.steady());
    this.look();
  }

  /** Whether an instance on the port must not be announced yet. */
  waits(port: number): boolean {
    return this.#waiting.get(port) !== undefined;
  }

  /** Keyed by instance. */
  reports(): ReadonlyMap<string, DoorReport> {
    return this.#reports;
  }

  status({ id, service, appPort }: DoorOf): DoorStatus | undefined {
    const report = this.#reports.get(id);
    const planned = this.#plans.find((plan) => plan.service === service)?.doors;
    return report && { ...report, mode: planned?.mode, note: doorNote(planned, appPort, report) };
  }

  look(): void {
    if (this.#stopped) return;
    if (this.#looking !== undefined) return void (this.#again = true);
    this.#cancel();
    this.#looking = this.#look()
      .catch((error: unknown) => this.#options.log.error({ error: messageOf(error) }, 'the doors were not looked at'))
      .finally(() => {
        this.#looking = undefined;
        if (this.#stopped) return;
        const soon = [...this.#waiting.values()].some((since) => since !== undefined);
        this.#cancel = this.#options.clock.after(this.#again ? 0 : soon ? SOON_MS : LOOK_MS, () => this.look());
        this.#again = false;
      });
  }

  /** Closed ports stay closed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { settings, log } = this.#options;
    const { close, open } = this.#wanted;
    const text = JSON.stringify([close, open]);
    this.#state = await readDoorsState(settings);
    // A machine where nothing was ever to be closed is left alone.
    if (this.#asked === undefined && close.length === 0 && this.#state === undefined) return this.#observe();
    if (this.#asked?.text !== text) await this.#askRoot(text);
    const ports = this.#toBeClosed();
    // A port that is to be opened is closed until root has opened it.
    const tried = [...new Set([...ports, ...(this.#state?.closed ?? [])])];
    const doors = await this.#tryAll(tried);
    const before = this.#inForce;
    this.#inForce = new Set(tried.filter((port, index) => this.#isClosed(port, doors[index]!)));
    for (const port of before)
      if (ports.includes(port) && !this.#inForce.has(port))
        log.warn({ port }, 'somebody has taken away the rules that close the port: they are set again');
    await this.#askAgain(ports, text);
    this.#settle();
    await this.#observe();
  }

  /** The ports to close, and closed ports that no plan names now. */
  #toBeClosed(): number[] {
    const { close, open } = this.#wanted;
    const kept = (this.#state?.closed ?? []).filter((port) => !open.includes(port));
    return [...new Set([...close, ...kept])];
  }

  #isClosed = (port: number, door: Door): boolean =>
    door === 'closed' || (door === 'unknown' && (this.#state?.closed.includes(port) ?? false));

  #tryAll(ports: readonly number[]): Promise<Door[]> {
    const { tryDoor: tried = tryDoor } = this.#options;
    return inParallel(ports, TRIES_AT_A_TIME, (port) => tried(port));
  }

  async #askAgain(ports: number[], text: string): Promise<void> {
    const refused = new Set(this.#state?.refused.map(({ port }) => port));
    const open = ports.filter((port) => !this.#inForce.has(port) && !refused.has(port));
    const tooMuch = (this.#state?.closed ?? []).some((port) => this.#wanted.open.includes(port));
    if (this.#asked === undefined || (open.length === 0 && !tooMuch && refused.size === 0)) return;
    const hopeless = this.#state?.problem !== undefined || (open.length === 0 && !tooMuch);
    const soon = open.some((port) => this.waits(port));
    const waitedMs = this.#options.clock.steady() - this.#asked.atMs;
    if (waitedMs >= (hopeless ? ASK_SELDOM_MS : soon ? ASK_SOON_MS : ASK_AGAIN_MS)) await this.#askRoot(text);
  }

  async #askRoot(text: string): Promise<void> {
    const { settings, clock, log } = this.#options;
    const { close, open } = this.#wanted;
    this.#ask += 1;
    try {
      await writeAsked(settings, { close, open, ask: this.#ask });
      this.#problem = undefined;
    } catch (error) {
      this.#problem = `root could not be asked: ${messageOf(error)}`;
      log.error({ error: messageOf(error) }, 'root could not be asked to close ports');
    }
    this.#asked = { text, atMs: clock.steady() };
  }

  #settle(): void {
    const nowMs = this.#options.clock.steady();
    const refused = new Set(this.#state?.refused.map(({ port }) => port));
    let news = false;
    for (const [port, since] of this.#waiting) {
      if (since === undefined) continue;
      // A result from before this request says nothing about the port.
      const answered = refused.has(port) || (this.#state?.problem !== undefined && nowMs - since > ASK_SOON_MS);
      if (!this.#inForce.has(port) && !answered && nowMs - since < WAIT_MS) continue;
      this.#waiting.set(port, undefined);
      news = true;
    }
    if (news) this.#options.settled();
  }

  async #observe(): Promise<void> {
    const sockets = await (this.#options.readSockets ?? readSockets)();
    const own = ownAddresses();
    const reports = this.#instances()
      .filter(({ appPort }) => appPort !== 0)
      .map((instance): [string, DoorReport] => {
        const { id, appPort } = instance;
        const { any, beyond } = listeningOn(sockets, appPort);
        const report: DoorReport = {
          listens: beyond.slice(0, MAX_DOOR_ADDRESSES),
          ...(!any && instance.condition().app?.state === 'passing' ? { unseen: true } : {}),
          closed: this.#inForce.has(appPort),
          callers: callersOf(sockets, appPort, own).slice(0, MAX_DOOR_ADDRESSES),
        };
        const problem = report.closed ? undefined : this.#problemOf(appPort);
        return [id, problem === undefined ? report : { ...report, problem }];
      });
    this.#reports = new Map(reports);
  }

  #problemOf(port: number): string | undefined {
    const shared = this.#wanted.shared.get(port);
    if (shared !== undefined || !this.#toBeClosed().includes(port)) return shared;
    const refused = this.#state?.refused.find((one) => one.port === port)?.why;
    if (refused !== undefined) return refused;
    if (this.#problem !== undefined) return this.#problem;
    if (this.#state?.problem !== undefined) return this.#state.problem;
    if (this.#state?.closed.includes(port))
      return 'somebody has taken the rules away (nft flush ruleset, or a restart of nftables): they are set again within seconds';
    return this.waits(port) ? 'root has been asked' : NOBODY;
  }
}
