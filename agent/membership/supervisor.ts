import type { Logger } from 'pino';

import { proxySettings } from '../../crds/proxy.ts';
import type { BeatAnswer, BeatInstance, BeatRequest, ServicePlan } from '../../mesh/outside/bridge-api.ts';

import { beatInstances } from './beat-instances.ts';
import type { Clock } from '../../base/clock.ts';
import { type ConsulWay, watchConsulWay } from './consul-way.ts';
import type { Definitions } from '../instances/definitions.ts';
import type { Doors } from '../doors/doors.ts';
import type { Drain } from '../instances/drain.ts';
import { readDrains, writeDrains } from '../instances/drain-file.ts';
import { instanceFolder } from '../machine/instance-id.ts';
import { type Learnt, keep, mend, openLearnt } from '../state/learnt.ts';
import { LocalInstance } from '../instances/local-instance.ts';
import { type PortBook, openPortBook } from '../instances/port-book.ts';
import { messageOf } from '../../base/problem.ts';
import type { Settings } from '../machine/settings.ts';
import type { HostState, State } from '../state/state.ts';
import { type InstanceStatus, statusOf } from '../instances/instance-status.ts';
import { Roster } from '../instances/roster.ts';
import { type Starvation, watchStarvation } from '../envoy/silence.ts';
import { matchTarget } from '../instances/target.ts';
import { upstreamBinders } from '../instances/upstream-binders.ts';
import { writeVariableFiles } from '../instances/variable-files.ts';
import { type WantedInstance, wantedInstances } from '../instances/wanted-instances.ts';

export interface SupervisorOptions {
  settings: Settings;
  state: State;
  host: HostState;
  /** See machine-run.ts. */
  run: string;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** Called when the mesh should hear of something at once. */
  urgent: () => void;
  /** See agent/doors/doors.ts. */
  doors: Pick<Doors, 'want' | 'waits'>;
}

/** From the bridge's write until the Envoys of callers know of it: Consul gathers changes for 200 ms. */
const CALLERS_LEAVE_MS = 500;

/** All instances of this machine: makes them what services.d and the bridge say, and says how they are. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #learnt: Learnt;
  readonly #roster: Roster;
  readonly #starvation: Starvation;
  readonly #consulWay: ConsulWay;
  /** The state that the bridge has taken, by instance. */
  readonly #told = new Map<string, BeatInstance['health']>();
  /** Drains that an agent before this one began. */
  readonly #drainedBefore: Map<string, Drain>;
  #problems: string[] = [];
  /** The agent is about to end. */
  #leaves = false;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(
    options: SupervisorOptions,
    parts: { learnt: Learnt; ports: PortBook; drains: Record<string, Drain> },
  ) {
    this.#options = options;
    this.#learnt = parts.learnt;
    const { settings, clock, log } = options;
    this.#starvation = watchStarvation(clock);
    this.#consulWay = watchConsulWay({
      addresses: options.host.consul.grpc,
      alone: () => this.instances().some(({ envoy: { status } }) => status.state !== 'off' && !status.connected),
      clock,
      changed: options.urgent,
    });
    const make = (wanted: WantedInstance, port: number | undefined): LocalInstance => this.#make(wanted, port);
    this.#roster = new Roster({ ports: parts.ports, make, drainMs: settings.drainMs, clock, log });
    this.#drainedBefore = new Map(Object.entries(parts.drains));
  }

  static async open(options: SupervisorOptions): Promise<Supervisor> {
    const { state, settings, log } = options;
    return new Supervisor(options, {
      learnt: await openLearnt(options),
      ports: openPortBook(state, await state.readPorts().catch(mend(log, {})), (error) =>
        log.error({ error }, 'ports.json could not be written'),
      ),
      drains: await readDrains(settings.runtimeDir),
    });
  }

  leaseMs(): number {
    return this.#learnt.leaseMs();
  }

  /** Keyed by service and port. */
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
      this.#wantDoors();
      if (added.length > 0 || removed.length > 0) await this.#writeVariables();
      if (JSON.stringify(this.#beatInstances()) !== before) this.#options.urgent();
    });
  }

  beatRequest(address: string): BeatRequest {
    const instances = this.#beatInstances();
    const services = [...new Set(instances.map(({ service }) => service))];
    const run = this.#leaves ? { id: this.#options.run, leaves: true } : { id: this.#options.run };
    return { address, instances, wantTokens: services.filter((service) => this.#wantsToken(service)), run };
  }

  /** Takes a bridge's answer to the request. */
  learn(request: BeatRequest, answer: BeatAnswer): Promise<void> {
    return this.#inTurn(async () => {
      const { log } = this.#options;
      for (const { id, health } of request.instances) this.#told.set(id, health);
      const { news } = await this.#learnt.take(answer, this.instances());
      if (news) this.#wantDoors();
      if (news) await this.#writeVariables();
      const refused = new Map(answer.refused.map(({ service, message }) => [service, message]));
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

  /** Ends all Envoys of a machine that was revoked, once callers have left. An answer of the bridge starts them again. */
  shutOut(message: string): Promise<void> {
    return this.#inTurn(async () => {
      const serving = this.instances().filter(({ refused }) => refused === undefined);
      if (serving.length > 0) await this.#options.clock.wait(CALLERS_LEAVE_MS);
      for (const instance of serving) {
        instance.refused = message;
        void instance.envoy.stop();
      }
      if (serving.length > 0) this.#options.log.warn({ message }, 'this machine was shut out: its Envoys end');
    });
  }

  status(): InstanceStatus[] {
    const binders = this.#binders().ids;
    return this.instances().map((instance) => {
      const upstreams = binders.has(instance.id) ? (this.#learnt.plan(instance.service)?.upstreams ?? []) : [];
      return statusOf(instance, this.#told.get(instance.id), upstreams);
    });
  }

  /** Of the services whose upstreams a sidecar of this machine listens for. */
  boundPlans(): ServicePlan[] {
    const { ids } = this.#binders();
    const bound = new Set(this.instances().flatMap(({ id, service }) => (ids.has(id) ? [service] : [])));
    return this.#learnt.plans().filter(({ service }) => bound.has(service));
  }

  /** Conflicts between the services of this machine, one sentence each. */
  problems(): string[] {
    return [...this.#problems, ...this.#binders().problems];
  }

  /** Takes the instances that `target` means out of the mesh, see agent/instances/target.ts. Gives their ids. Throws a Problem. */
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
    this.#leaves = true;
    await Promise.all(this.instances().map((instance) => instance.drain()));
  }

  /** Ends all Envoys and removes their folders; ports and tokens are kept. */
  async stop(): Promise<void> {
    await this.#queue;
    await this.#roster.stop();
    this.#starvation.end();
    this.#consulWay.end();
  }

  /** The awaited state has come, so its health may change. */
  doorsSettled(): void {
    for (const instance of this.instances()) this.#changed(instance);
  }

  #wantDoors(): void {
    this.#options.doors.want(() => this.instances(), this.#learnt.plans());
  }

  #saveDrains(): Promise<void> {
    const held = this.instances().flatMap(({ id, draining }) =>
      draining === undefined ? [] : [[id, draining] as const],
    );
    return keep(this.#options.log, writeDrains(this.#options.settings.runtimeDir, Object.fromEntries(held)));
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
      drainMs: settings.drainMs,
      clock,
      random,
      log,
      starvation: this.#starvation,
      consulProblem: () => this.#consulWay.problem(),
      changed: () => this.#changed(instance),
      returned: () => void this.#saveDrains(),
      doorWaits: () => this.#options.doors.waits(definition.port),
    });
    instance.draining = this.#drainedBefore.get(id);
    this.#drainedBefore.delete(id);
    return instance;
  }

  async #serve(instance: LocalInstance): Promise<void> {
    const token = this.#learnt.token(instance.service);
    if (token === undefined || instance.refused !== undefined) return;
    const { site, host, consul } = this.#options.host;
    const proxy = this.#learnt.plan(instance.service)?.proxy ?? proxySettings.parse(undefined);
    await instance.serve({ site, host, service: instance.service, consul, token, proxy });
  }

  #writeVariables(): Promise<void> {
    return keep(this.#options.log, writeVariableFiles(this.#options.settings.runtimeDir, this.boundPlans()));
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
    return this.#learnt.wantsToken(service, refusals.length === 0 ? undefined : Math.max(...refusals));
  }

  #binders(): ReturnType<typeof upstreamBinders> {
    return upstreamBinders(this.instances(), this.#learnt.plans());
  }

  #beatInstances(): BeatInstance[] {
    return beatInstances(this.instances(), this.#binders().ids);
  }
}
