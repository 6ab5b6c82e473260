import type { Logger } from 'pino';

import type { Clock } from '../../base/clock.ts';
import type { LocalInstance } from './local-instance.ts';
import type { PortBook } from './port-book.ts';
import type { WantedInstance } from './wanted-instances.ts';

export interface RosterOptions {
  ports: PortBook;
  make: (wanted: WantedInstance, sidecarPort: number | undefined) => LocalInstance;
  /** How long the Envoy of an instance that was removed goes on, so that callers can leave. */
  drainMs: number;
  clock: Clock;
  log: Logger;
}

/**
 * Which instances this machine has, from their first mention to the end of their Envoy:
 *
 *   added --removed--> retiring --drainMs--> ending --> gone
 *     ^                    |
 *     +---mentioned again--+
 */
export class Roster {
  readonly #options: RosterOptions;
  readonly #instances = new Map<string, LocalInstance>();
  readonly #retiring = new Map<string, { instance: LocalInstance; cancel: () => void }>();
  readonly #ending = new Map<string, Promise<void>>();

  constructor(options: RosterOptions) {
    this.#options = options;
  }

  /** Keyed by service and port, without retiring ones. */
  all(): LocalInstance[] {
    const order = (a: LocalInstance, b: LocalInstance): number =>
      a.service === b.service ? a.appPort - b.appPort : a.service < b.service ? -1 : 1;
    return [...this.#instances.values()].sort(order);
  }

  has(instance: LocalInstance): boolean {
    return this.#instances.get(instance.id) === instance;
  }

  /** Adds, redefines and removes until there are just the wanted ones. Gives the new ones and those removed. */
  async change(wanted: WantedInstance[]): Promise<{ added: LocalInstance[]; removed: LocalInstance[] }> {
    const removed = this.all().filter((instance) => !wanted.some(({ id }) => id === instance.id));
    for (const instance of removed) this.#retire(instance);
    const added: LocalInstance[] = [];
    for (const one of wanted) {
      const known = this.#instances.get(one.id) ?? this.#bringBack(one.id);
      if (known) known.redefine(one.definition);
      else added.push(await this.#add(one));
    }
    return { added, removed };
  }

  /** Gives the instance another sidecar port, because its own was taken by another process. */
  async movePort(instance: LocalInstance): Promise<void> {
    const before = instance.sidecarPort;
    instance.sidecarPort = await this.#options.ports.choose(instance.id, this.#instances);
    this.#options.log.warn({ instance: instance.id, before, now: instance.sidecarPort }, 'sidecar port was taken');
  }

  /** Ends all Envoys, also those of retiring instances. */
  async stop(): Promise<void> {
    for (const { instance, cancel } of this.#retiring.values()) {
      cancel();
      this.#end(instance);
    }
    for (const instance of this.#instances.values()) this.#end(instance);
    this.#retiring.clear();
    this.#instances.clear();
    await Promise.all(this.#ending.values());
  }

  async #add(wanted: WantedInstance): Promise<LocalInstance> {
    const { ports, make, log } = this.#options;
    await this.#ending.get(wanted.id);
    const instance = make(wanted, await ports.choose(wanted.id, this.#instances));
    this.#instances.set(wanted.id, instance);
    log.info({ instance: wanted.id, sidecarPort: instance.sidecarPort }, 'instance added');
    return instance;
  }

  /** Out of the next beat at once; its Envoy stays until callers have left. */
  #retire(instance: LocalInstance): void {
    const { clock, drainMs, log } = this.#options;
    this.#instances.delete(instance.id);
    log.info({ instance: instance.id }, 'instance removed');
    const cancel = clock.after(drainMs, () => {
      this.#retiring.delete(instance.id);
      this.#end(instance);
    });
    this.#retiring.set(instance.id, { instance, cancel });
  }

  /** A file that was away for a moment, as when it is replaced: the same Envoy goes on. */
  #bringBack(id: string): LocalInstance | undefined {
    const retiring = this.#retiring.get(id);
    if (retiring === undefined) return undefined;
    retiring.cancel();
    this.#retiring.delete(id);
    this.#instances.set(id, retiring.instance);
    this.#options.log.info({ instance: id }, 'instance is back');
    return retiring.instance;
  }

  #end(instance: LocalInstance): void {
    const ended = instance.end().finally(() => this.#ending.delete(instance.id));
    this.#ending.set(instance.id, ended);
  }
}
