import { endLineage } from './hot-restart.ts';
import type { EnvoyProcess } from './process.ts';
import { listenersOn } from '../machine/listening.ts';

/** The processes of one Envoy: the current one, its predecessor during a take-over, and drained ones on their way out. */
export class Succession {
  current: EnvoyProcess | undefined;
  /** Serves until `current` has taken over. */
  before: EnvoyProcess | undefined;
  /** Those that were taken over from, and end when they have drained. */
  readonly #leaving = new Set<EnvoyProcess>();
  /** While a process takes over: tells how it went; undefined = well. */
  #takenOver: ((problem: string | undefined) => void) | undefined;

  get takesOver(): boolean {
    return this.#takenOver !== undefined;
  }

  /** A process is about to take over. Gives the problem with that; undefined: it has taken over. */
  outcome(): Promise<string | undefined> {
    return new Promise((resolve) => (this.#takenOver = resolve));
  }

  /** `current` has taken over, or cannot. Does nothing when none takes over. */
  settle(problem: string | undefined): void {
    this.#takenOver?.(problem);
    this.#takenOver = undefined;
  }

  /**
   * The one that took over tells it to end, in time or when it hands over itself, and asks it for its statistics until then:
   * an Envoy whose predecessor was ended by another waits for that answer for ever. So it is ended only when it is late.
   */
  leave(before: EnvoyProcess, withinMs: number): void {
    this.before = undefined;
    this.#leaving.add(before);
    void before.ended.then(() => this.#leaving.delete(before));
    void before.endWithin(withinMs);
  }

  /** The process that was to take over has ended. Gives the one before as `current`, if it still serves on these ports. */
  async goBack(why: string, ports: number[]): Promise<EnvoyProcess | undefined> {
    const { before } = this;
    this.before = undefined;
    this.settle(why);
    if (before === undefined || !before.running()) return undefined;
    const listening = await Promise.all(ports.map(listenersOn));
    if (listening.some((sockets) => sockets.length === 0)) {
      await before.end();
      return undefined;
    }
    this.current = { ...before, lineage: undefined };
    return this.current;
  }

  /** Removes the shared memory of the ended process, once no other process uses it. */
  async clear(ended: EnvoyProcess): Promise<void> {
    const baseId = ended.lineage?.baseId;
    const others = this.#all().filter((other) => other !== ended && other.running());
    if (baseId !== undefined && !others.some(({ lineage }) => lineage?.baseId === baseId))
      await endLineage(baseId).catch(() => {});
  }

  /** Ends all: SIGTERM, and SIGKILL after 5 s. */
  async end(): Promise<void> {
    this.settle('it was stopped');
    const ending = this.#all().map((one) => one.end());
    [this.current, this.before] = [undefined, undefined];
    await Promise.all(ending);
  }

  #all(): EnvoyProcess[] {
    return [this.current, this.before, ...this.#leaving].filter((one) => one !== undefined);
  }
}
