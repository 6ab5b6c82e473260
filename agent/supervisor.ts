import type { Logger } from 'pino';

import { proxySettings } from '../crds/proxy.ts';
import type { BeatAnswer, BeatInstance, BeatRequest, ServicePlan } from '../mesh/bridge-api.ts';

import { beatInstances } from './beat-instances.ts';
import type { Clock } from './clock.ts';
import type { Definitions } from './definitions.ts';
import type { Drain } from './drain.ts';
import { readDrains, writeDrains } from './drain-file.ts';
import { instanceFolder } from './instance-id.ts';
import { LocalInstance } from './local-instance.ts';
import { plansAfter } from './plans-after.ts';
import { type PortBook, openPortBook } from './port-book.ts';
import { messageOf } from './problem.ts';
import type { Settings } from './settings.ts';
import type { HostState, Known, State } from './state.ts';
import { type InstanceStatus, statusOf } from './instance-status.ts';
import { Roster } from './roster.ts';
import { matchTarget } from './target.ts';
import { type TokenShelf, openTokenShelf } from './token-shelf.ts';
import { upstreamBinders } from './upstream-binders.ts';
import { writeVariableFiles } from './variable-files.ts';
import { type WantedInstance, wantedInstances } from './wanted-instances.ts';

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
  readonly #roster: Roster;
  /** What the bridge has taken, by instance. */
  readonly #told = new Map<string, BeatInstance['health']>();
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
    const { settings, clock, log } = options;
    const make = (wanted: WantedInstance, port: number | undefined): LocalInstance => this.#make(wanted, port);
    this.#roster = new Roster({ ports: learnt.ports, make, drainMs: settings.drainMs, clock, log });
    this.#known = learnt.known;
    this.#drainedBefore = new Map(Object.entries(learnt.drains));
  }

  /** Reads what was learnt before. A damaged file is as good as none: all of it can be learnt again. */
  static async open(options: SupervisorOptions): Promise<Supervisor> {
    const { state, host, clock, settings, log } = options;
    const mend =
      <T>(empty: T) =>
      (error: unknown): T => {
        log.error({ problem: messageOf(error) }, 'it is made anew');
        return empty;
      };
    const known = await state.readKnown().catch(mend(undefined));
    return new Supervisor(options, {
      tokens: openTokenShelf(state, await state.readTokens().catch(mend({})), clock),
      ports: openPortBook(state, await state.readPorts().catch(mend({})), (error) =>
        log.error({ error }, 'ports.json could not be written'),
      ),
      known: known ?? { leaseMs: host.leaseMs, services: [] },
      drains: await readDrains(settings.runtimeDir),
    });
  }

  leaseMs(): number {
    return this.#known.leaseMs;
  }

  /** By service and port. */
  instances(): LocalInstance[] {
    return this.#roster.all();
  }

  /** Starts, changes and ends instances until they are what the definitions say. */
  apply(definitions: Definitions): Promise<void> {
    return this.#inTurn(async () => {
      const { wanted, problems } = wantedInstances(definitions, this.#options.host.host);
      this.#problems = problems;
      const before = JSON.stringify(this.#beatInstances());
      const { added, removed } = await this.#roster.change(wanted);
      for (const { id } of removed) this.#told.delete(id);
      if (removed.some(({ draining }) => draining)) await this.#saveDrains();
      for (const instance of added) await this.#serve(instance);
      if (added.length > 0 || removed.length > 0) await this.#writeVariables();
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
      const known: Known = {
        leaseMs: answer.leaseMs,
        services: plansAfter(this.#known.services, answer, this.instances()),
      };
      const news = JSON.stringify(known) !== JSON.stringify(this.#known);
      if (news) {
        this.#known = known;
        await this.#keep(state.writeKnown(known));
        await this.#writeVariables();
      }
      const refused = new Map(answer.refused.map(({ service, message }) => [service, message]));
      await this.#keep(this.#tokens.put(answer.tokens));
      await this.#keep(this.#tokens.drop([...refused.keys()]));
      const renewed = new Set(answer.tokens.map(({ service }) => service));
      for (const instance of this.instances()) {
        const message = refused.get(instance.service);
        if (message !== undefined && instance.refused === undefined) {
          log.warn({ instance: instance.id, message }, 'the mesh does not admit this service');
          // Not waited for: one that hangs takes seconds to end, and the next beat is due.
          void instance.envoy.stop();
        }
        instance.refused = message;
        if (news || renewed.has(instance.service) || instance.envoy.status.state === 'off') await this.#serve(instance);
        this.#changed(instance); // While the beat was under way it may have become what it was before.
      }
    });
  }

  status(): InstanceStatus[] {
    const binders = this.#binders().ids;
    return this.instances().map((instance) => {
      const upstreams = binders.has(instance.id) ? (this.#plan(instance.service)?.upstreams ?? []) : [];
      return statusOf(instance, this.#told.get(instance.id), upstreams);
    });
  }

  /** Of the services whose upstreams a sidecar of this machine listens for. */
  boundPlans(): ServicePlan[] {
    const { ids } = this.#binders();
    const bound = new Set(this.instances().flatMap(({ id, service }) => (ids.has(id) ? [service] : [])));
    return this.#known.services.filter(({ service }) => bound.has(service));
  }

  /** What stands in the way between the services of this machine, one sentence each. */
  problems(): string[] {
    return [...this.#problems, ...this.#binders().problems];
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
    await this.#roster.stop();
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

  #make({ id, service, definition }: WantedInstance, sidecarPort: number | undefined): LocalInstance {
    const { settings, clock, random, log } = this.#options;
    const instance: LocalInstance = new LocalInstance({
      id,
      service,
      definition,
      sidecarPort,
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
    return instance;
  }

  async #serve(instance: LocalInstance): Promise<void> {
    const token = this.#tokens.get(instance.service);
    if (token === undefined || instance.refused !== undefined) return;
    const { site, host, consul } = this.#options.host;
    const proxy = this.#plan(instance.service)?.proxy ?? proxySettings.parse(undefined);
    await instance.serve({ site, host, service: instance.service, consul, token, proxy });
  }

  #plan(service: string): ServicePlan | undefined {
    return this.#known.services.find((plan) => plan.service === service);
  }

  #writeVariables(): Promise<void> {
    return this.#keep(writeVariableFiles(this.#options.settings.runtimeDir, this.boundPlans()));
  }

  #changed(instance: LocalInstance): void {
    if (!this.#roster.has(instance)) return;
    if (instance.portTaken()) this.#movePort(instance);
    if (instance.health().health !== this.#told.get(instance.id)) this.#options.urgent();
  }

  /** Consul hands Envoy the listener on the new port: no restart. */
  #movePort(instance: LocalInstance): void {
    const { log, urgent } = this.#options;
    this.#inTurn(async () => {
      if (!instance.portTaken()) return;
      await this.#roster.movePort(instance);
      urgent();
    }).catch((error: unknown) => log.error({ error: messageOf(error) }, 'no other sidecar port was chosen'));
  }

  #wantsToken(service: string): boolean {
    const refusals = this.instances().flatMap((instance) =>
      instance.service === service ? (instance.envoy.refusals.lastMs ?? []) : [],
    );
    return this.#tokens.wants(service, refusals.length === 0 ? undefined : Math.max(...refusals));
  }

  #binders(): ReturnType<typeof upstreamBinders> {
    return upstreamBinders(this.instances(), this.#known.services);
  }

  #beatInstances(): BeatInstance[] {
    return beatInstances(this.instances(), this.#binders().ids);
  }
}
