import type { Logger } from 'pino';

import type { BeatAnswer, BeatRequest } from '../../mesh/outside/bridge-api.ts';
import type { Protocol } from '../../mesh/proxies/app-calls.ts';

import { messageOf } from '../../base/problem.ts';
import type { Doors } from '../doors/doors.ts';
import type { Definitions } from '../instances/definitions.ts';
import { type Drains, openDrains } from '../instances/drains.ts';
import { type InstanceStatus, statusOf } from '../instances/instance-status.ts';
import type { LocalInstance } from '../instances/local-instance.ts';
import { type PortBook, openPortBook } from '../instances/port-book.ts';
import { Roster } from '../instances/roster.ts';
import { matchTarget } from '../instances/target.ts';
import { writeVariableFiles } from '../instances/variable-files.ts';
import { wantedInstances } from '../instances/wanted-instances.ts';
import type { Clock } from '../../base/clock.ts';
import type { Settings } from '../machine/settings.ts';
import { type Learnt, keep, mend, openLearnt } from '../state/learnt.ts';
import type { HostState, State } from '../state/state.ts';
import { Exchange } from './exchange.ts';
import { type InstanceMaker, instanceMaker } from './instance-maker.ts';

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

/** All instances of this machine: makes them what services.d and the bridge say. */
export class Supervisor {
  /** The beats between this machine and the bridge. */
  readonly exchange: Exchange;
  readonly #options: SupervisorOptions;
  readonly #roster: Roster;
  readonly #maker: InstanceMaker;
  readonly #drains: Drains;
  #problems: string[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: SupervisorOptions, parts: { learnt: Learnt; ports: PortBook; drains: Drains }) {
    const { settings, host, doors, run, urgent, clock, random, log } = options;
    this.#options = options;
    this.#drains = parts.drains;
    const instances = (): LocalInstance[] => this.instances();
    this.exchange = new Exchange({ learnt: parts.learnt, run, instances });
    const protocolOf = (service: string): Protocol | undefined => this.exchange.protocolOf(service);
    this.#maker = instanceMaker({
      ...{ settings, host, doors, drains: parts.drains, instances, protocolOf, urgent, clock, random, log },
      changed: (instance) => this.#changed(instance),
      returned: () => void this.#drains.save(this.instances()),
    });
    const { make } = this.#maker;
    this.#roster = new Roster({ ports: parts.ports, make, drainMs: settings.drainMs, clock, log });
  }

  static async open(options: SupervisorOptions): Promise<Supervisor> {
    const { state, settings, log } = options;
    return new Supervisor(options, {
      learnt: await openLearnt(options),
      ports: openPortBook(state, await state.readPorts().catch(mend(log, {})), (error) =>
        log.error({ error }, 'ports.json could not be written'),
      ),
      drains: await openDrains(settings.runtimeDir, log),
    });
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
      const before = JSON.stringify(this.exchange.beatInstances());
      const { added, removed } = await this.#roster.change(wanted);
      for (const { id } of removed) this.exchange.forget(id);
      if (removed.some(({ draining }) => draining)) await this.#drains.save(this.instances());
      for (const instance of added) await this.#serve(instance);
      this.#wantDoors();
      if (added.length > 0 || removed.length > 0) await this.#writeVariables();
      if (JSON.stringify(this.exchange.beatInstances()) !== before) this.#options.urgent();
    });
  }

  /** Makes the instances what a bridge's answer to the request says. */
  learn(request: BeatRequest, answer: BeatAnswer): Promise<void> {
    return this.#inTurn(async () => {
      const { log } = this.#options;
      const { news, refused, renewed } = await this.exchange.take(request, answer);
      if (news) this.#wantDoors();
      if (news) await this.#writeVariables();
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
    const upstreams = this.exchange.boundUpstreams();
    return this.instances().map((instance) =>
      statusOf(instance, this.exchange.toldHealth(instance.id), upstreams(instance)),
    );
  }

  /** Conflicts between the services of this machine, one sentence each. */
  problems(): string[] {
    return [...this.#problems, ...this.exchange.problems()];
  }

  /** Takes the instances that `target` means out of the mesh, see agent/instances/target.ts. Gives their ids. Throws a Problem. */
  async drain(target: string): Promise<string[]> {
    const instances = matchTarget(this.instances(), target);
    await Promise.all(instances.map((instance) => instance.drain()));
    await this.#drains.save(this.instances());
    const ids = instances.map(({ id }) => id);
    this.#options.log.info({ instances: ids }, 'draining');
    return ids;
  }

  /** Ends drains. Gives the ids of the instances that were drained. Throws a Problem. */
  async undrain(target: string): Promise<string[]> {
    const instances = matchTarget(this.instances(), target).filter(({ draining }) => draining);
    for (const instance of instances) instance.draining = undefined;
    await this.#drains.save(this.instances());
    return instances.map(({ id }) => id);
  }

  /** Before the agent ends. An agent that starts afterwards does not remember these drains. */
  async drainAll(): Promise<void> {
    this.exchange.leave();
    await Promise.all(this.instances().map((instance) => instance.drain()));
  }

  /** Ends all Envoys and removes their folders; ports and tokens are kept. */
  async stop(): Promise<void> {
    await this.#queue;
    await this.#roster.stop();
    this.#maker.end();
  }

  /** The awaited state has come, so its health may change. */
  doorsSettled(): void {
    for (const instance of this.instances()) this.#changed(instance);
  }

  #wantDoors(): void {
    this.#options.doors.want(() => this.instances(), this.exchange.plans());
  }

  /** One change at a time. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#queue.then(change);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #serve(instance: LocalInstance): Promise<void> {
    const start = this.exchange.startOf(instance.service);
    if (start === undefined || instance.refused !== undefined) return;
    const { site, host, consul } = this.#options.host;
    await instance.serve({ site, host, service: instance.service, consul, ...start });
  }

  #writeVariables(): Promise<void> {
    return keep(this.#options.log, writeVariableFiles(this.#options.settings.runtimeDir, this.exchange.boundPlans()));
  }

  #changed(instance: LocalInstance): void {
    if (!this.#roster.has(instance)) return;
    if (instance.portTaken()) this.#movePort(instance);
    if (this.exchange.isNews(instance)) this.#options.urgent();
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
}
