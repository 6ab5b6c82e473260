import type { Logger } from 'pino';

import type { BeatAnswer, BeatInstance, BeatRequest } from '../mesh/bridge-api.ts';

import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { Definitions } from './definitions.ts';
import type { Drain } from './drain.ts';
import { readDrains, writeDrains } from './drain-file.ts';
import { instanceFolder } from './instance-id.ts';
import { LocalInstance } from './local-instance.ts';
import { localPortConflicts } from './local-port-conflicts.ts';
import { type PortBook, openPortBook } from './port-book.ts';
import { messageOf } from './problem.ts';
import type { Settings } from './settings.ts';
import type { HostState, Known, State } from './state.ts';
import { type InstanceStatus, statusOf } from './instance-status.ts';
import { matchTarget } from './target.ts';
import { type TokenShelf, openTokenShelf } from './token-shelf.ts';
import { wantedInstances } from './wanted-instances.ts';

export interface SupervisorOptions {
  settings: Settings;
  state: State;
  host: HostState;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** Called when the mesh should hear of something at once. */
  urgent: () => void;
}

/** All instances of this machine: makes them what services.d and the bridge say, and says how they are. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #tokens: TokenShelf;
  readonly #instances = new Map<string, LocalInstance>();
  readonly #retiring = new Map<string, Promise<void>>();
  /** What the bridge has taken, by instance. */
  readonly #told = new Map<string, BeatInstance['health']>();
  readonly #ports: PortBook;
  #known: Known;
  /** Drains that an agent before this one began. */
  readonly #drainedBefore: Map<string, Drain>;
  #problems: string[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    options: SupervisorOptions,
    learnt: { tokens: TokenShelf; ports: PortBook; known: Known; drains: Record<string, Drain> },
  ) {
    this.#options = options;
    this.#tokens = learnt.tokens;
    this.#ports = learnt.ports;
    this.#known = learnt.known;
    this.#drainedBefore = new Map(Object.entries(learnt.drains));
  }

  /** Reads what was learnt before. Throws a Problem when a file is damaged. */
  static async open(options: SupervisorOptions): Promise<Supervisor> {
    const { state, host, clock, settings, log } = options;
    return new Supervisor(options, {
      tokens: await openTokenShelf(state, clock),
      ports: await openPortBook(state, (error) => log.error({ error }, 'ports.json could not be written')),
      known: (await state.readKnown()) ?? { leaseMs: host.leaseMs, services: [] },
      drains: await readDrains(settings.runtimeDir),
    });
  }

  leaseMs(): number {
    return this.#known.leaseMs;
  }

  instances(): LocalInstance[] {
    return [...this.#instances.values()].sort((a, b) => a.service.localeCompare(b.service) || a.appPort - b.appPort);
  }

  /** Starts, changes and ends instances until they are what the definitions say. */
  apply(definitions: Definitions): Promise<void> {
    return this.#inTurn(async () => {
      const { wanted, problems } = wantedInstances(definitions, this.#options.host.host);
      this.#problems = problems;
      const before = JSON.stringify(this.#beatInstances());
      for (const instance of this.instances()) if (!wanted.some(({ id }) => id === instance.id)) this.#retire(instance);
      for (const { id, service, definition } of wanted) {
        const running = this.#instances.get(id);
        if (running) running.redefine(definition);
        else await this.#add(id, service, definition);
      }
      if (JSON.stringify(this.#beatInstances()) !== before) this.#options.urgent();
    });
  }

  beatRequest(address: string): BeatRequest {
    const instances = this.#beatInstances();
    const services = [...new Set(instances.map(({ service }) => service))];
    return { address, instances, wantTokens: services.filter((service) => this.#wantsToken(service)) };
  }

  /** Takes a bridge's answer to the request. */
  learn(request: BeatRequest, answer: BeatAnswer): Promise<void> {
    return this.#inTurn(async () => {
      const { state, log } = this.#options;
      for (const { id, health } of request.instances) this.#told.set(id, health);
      const known: Known = { leaseMs: answer.leaseMs, services: answer.services };
      if (JSON.stringify(known) !== JSON.stringify(this.#known)) {
        this.#known = known;
        await this.#keep(state.writeKnown(known));
      }
      const refused = new Map(answer.refused.map(({ service, message }) => [service, message]));
      await this.#keep(this.#tokens.put(answer.tokens));
      await this.#keep(this.#tokens.drop([...refused.keys()]));
      const renewed = new Set(answer.tokens.map(({ service }) => service));
      for (const instance of this.instances()) {
        const message = refused.get(instance.service);
        if (message !== undefined && instance.refused === undefined) {
          log.warn({ instance: instance.id, message }, 'the mesh does not admit this service');
          instance.refused = message;
          await instance.envoy.stop();
        }
        instance.refused = message;
        if (renewed.has(instance.service) || instance.envoy.status.state === 'off') await this.#serve(instance);
        this.#changed(instance); // While the beat was under way it may have become what it was before.
      }
    });
  }

  status(): InstanceStatus[] {
    return this.instances().map((instance) => {
      const plan = this.#known.services.find(({ service }) => service === instance.service);
      const upstreams = this.#bindsUpstreams(instance) ? (plan?.upstreams ?? []) : [];
      return statusOf(instance, this.#told.get(instance.id), upstreams);
    });
  }

  /** What stands in the way between the services of this machine, one sentence each. */
  problems(): string[] {
    return [...this.#problems, ...localPortConflicts(this.#known.services).map(({ message }) => message)];
  }

  /** Takes the instances that `target` means out of the mesh, see target.ts. Gives their ids. Throws a Problem. */
  async drain(target: string): Promise<string[]> {
    const instances = matchTarget(this.instances(), target);
    await Promise.all(instances.map((instance) => instance.drain()));
    await this.#saveDrains();
    const ids = instances.map(({ id }) => id);
    this.#options.log.info({ instances: ids }, 'draining');
    return ids;
  }

  /** Ends drains. Gives the ids of the instances that were drained. Throws a Problem. */
  async undrain(target: string): Promise<string[]> {
    const instances = matchTarget(this.instances(), target).filter(({ draining }) => draining);
    for (const instance of instances) instance.draining = undefined;
    await this.#saveDrains();
    return instances.map(({ id }) => id);
  }

  /** Before the agent ends. An agent that starts afterwards does not remember these drains. */
  async drainAll(): Promise<void> {
    await Promise.all(this.instances().map((instance) => instance.drain()));
  }

  /** Ends all Envoys and removes their folders; ports and tokens are kept. */
  async stop(): Promise<void> {
    await this.#queue;
    await Promise.all([...this.instances().map((instance) => instance.end()), ...this.#retiring.values()]);
    this.#instances.clear();
  }

  #saveDrains(): Promise<void> {
    const held = this.instances().flatMap(({ id, draining }) =>
      draining === undefined ? [] : [[id, draining] as const],
    );
    return this.#keep(writeDrains(this.#options.settings.runtimeDir, Object.fromEntries(held)));
  }

  /** A full disk takes nothing out of the mesh: what could not be written is known until the next restart. */
  async #keep(written: Promise<void>): Promise<void> {
    await written.catch((error: unknown) => {
      this.#options.log.error({ error: messageOf(error) }, 'could not be written to disk; what runs goes on running');
    });
  }

  /** One change at a time. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#queue.then(change);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #add(id: string, service: string, definition: LocalInstance['definition']): Promise<void> {
    const { settings, clock, random, log } = this.#options;
    await this.#retiring.get(id);
    const instance: LocalInstance = new LocalInstance({
      id,
      service,
      definition,
      sidecarPort: await this.#ports.choose(id, this.#instances),
      folder: instanceFolder(settings.runtimeDir, id),
      envoyCommand: settings.envoy,
      clock,
      random,
      log,
      changed: () => this.#changed(instance),
      returned: () => void this.#saveDrains(),
    });
    instance.draining = this.#drainedBefore.get(id);
    this.#drainedBefore.delete(id);
    this.#instances.set(id, instance);
    log.info({ instance: id, sidecarPort: instance.sidecarPort }, 'instance added');
    await this.#serve(instance);
  }

  /** Out of the next beat at once; its Envoy stays until callers have left. */
  #retire(instance: LocalInstance): void {
    const { clock, settings, log } = this.#options;
    const { id } = instance;
    this.#instances.delete(id);
    this.#told.delete(id);
    log.info({ instance: id }, 'instance removed');
    if (instance.draining) void this.#saveDrains();
    const retired = sleep(clock, settings.drainMs)
      .then(() => instance.end())
      .then(() => void this.#retiring.delete(id));
    this.#retiring.set(id, retired);
  }

  /** Somebody else took the sidecar's port between two runs of its Envoy. Consul hands Envoy the new one: no restart. */
  #movePort(instance: LocalInstance): Promise<void> {
    return this.#inTurn(async () => {
      if (!instance.portTaken()) return;
      const before = instance.sidecarPort;
      instance.sidecarPort = await this.#ports.choose(instance.id, this.#instances);
      this.#options.log.warn({ instance: instance.id, before, now: instance.sidecarPort }, 'sidecar port was taken');
      this.#options.urgent();
    });
  }

  async #serve(instance: LocalInstance): Promise<void> {
    const token = this.#tokens.get(instance.service);
    if (token === undefined || instance.refused !== undefined) return;
    const { site, host, consul } = this.#options.host;
    await instance.serve({ site, host, service: instance.service, consul, token });
  }

  #changed(instance: LocalInstance): void {
    if (this.#instances.get(instance.id) !== instance) return;
    if (instance.portTaken()) void this.#movePort(instance);
    if (instance.health().health !== this.#told.get(instance.id)) this.#options.urgent();
  }

  #wantsToken(service: string): boolean {
    const refusals = this.instances().flatMap((instance) =>
      instance.service === service ? (instance.envoy.tokenRefusedMs ?? []) : [],
    );
    return this.#tokens.wants(service, refusals.length === 0 ? undefined : Math.max(...refusals));
  }

  /** One instance of a service binds its upstreams' ports, and of two services with the same port the first. */
  #bindsUpstreams(instance: LocalInstance): boolean {
    if (this.instances().find(({ service }) => service === instance.service) !== instance) return false;
    return !localPortConflicts(this.#known.services).some(({ loser }) => loser === instance.service);
  }

  #beatInstances(): BeatInstance[] {
    return this.instances().flatMap((instance) => {
      const { id, service, appPort, sidecarPort, definition } = instance;
      // Without a port there is nothing that others could reach, nor anything to register.
      if (sidecarPort === undefined) return [];
      const bindsUpstreams = this.#bindsUpstreams(instance);
      return [{ id, service, appPort, sidecarPort, ...instance.health(), version: definition.version, bindsUpstreams }];
    });
  }
}
