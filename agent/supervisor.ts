import type { Logger } from 'pino';

import type { BeatAnswer, BeatInstance, BeatRequest } from '../mesh/bridge-api.ts';

import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { Definitions } from './definitions.ts';
import { instanceFolder, instanceId } from './instance-id.ts';
import { LocalInstance } from './local-instance.ts';
import { choosePort, isPortFree } from './ports.ts';
import type { Settings } from './settings.ts';
import type { HostState, Known, Ports, State } from './state.ts';
import type { InstanceStatus } from './status.ts';
import { type TokenShelf, openTokenShelf } from './token-shelf.ts';

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
  #ports: Ports;
  #known: Known;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: SupervisorOptions, tokens: TokenShelf, ports: Ports, known: Known) {
    this.#options = options;
    this.#tokens = tokens;
    this.#ports = ports;
    this.#known = known;
  }

  /** Reads what was learnt before. Throws a Problem when a file is damaged. */
  static async open(options: SupervisorOptions): Promise<Supervisor> {
    const { state, host, clock } = options;
    const tokens = await openTokenShelf(state, clock);
    const known = (await state.readKnown()) ?? { leaseMs: host.leaseMs, services: [] };
    return new Supervisor(options, tokens, await state.readPorts(), known);
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
      const { host } = this.#options.host;
      const wanted = [...definitions.values()].flatMap(({ service, instances }) =>
        instances.map((definition) => ({ id: instanceId(service, host, definition.port), service, definition })),
      );
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
        await state.writeKnown(known);
      }
      const refused = new Map(answer.refused.map(({ service, message }) => [service, message]));
      await this.#tokens.put(answer.tokens);
      await this.#tokens.drop([...refused.keys()]);
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
      const { state, pid, restarts } = instance.envoy.status;
      const { app, sidecarProblem: problem } = instance.condition();
      const plan = this.#known.services.find(({ service }) => service === instance.service);
      return {
        id: instance.id,
        service: instance.service,
        appPort: instance.appPort,
        sidecarPort: instance.sidecarPort,
        check: app && { state: app.state, output: app.output },
        envoy: { state, pid, restarts, problem },
        draining: instance.draining !== undefined,
        refused: instance.refused,
        now: instance.health(),
        inMesh: this.#told.get(instance.id),
        upstreams: this.#bindsUpstreams(instance) ? (plan?.upstreams ?? []) : [],
      };
    });
  }

  /** Ends all Envoys. The folders stay: `token.json` and the rest are of use to nobody, but their ports are kept. */
  async stop(): Promise<void> {
    await this.#queue;
    await Promise.all([...this.instances().map((instance) => instance.end()), ...this.#retiring.values()]);
    this.#instances.clear();
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
      sidecarPort: await this.#choosePort(id),
      folder: instanceFolder(settings.runtimeDir, id),
      envoyCommand: settings.envoy,
      clock,
      random,
      log,
      changed: () => this.#changed(instance),
    });
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
    const retired = sleep(clock, settings.drainMs)
      .then(() => instance.end())
      .then(() => void this.#retiring.delete(id));
    this.#retiring.set(id, retired);
  }

  async #choosePort(id: string): Promise<number | undefined> {
    const others = new Set(this.instances().flatMap((other) => (other.id === id ? [] : (other.sidecarPort ?? []))));
    const port = await choosePort({ had: this.#ports[id], others, isFree: isPortFree });
    const kept = Object.entries(this.#ports).filter(([other]) => other !== id && this.#instances.has(other));
    this.#ports = Object.fromEntries(port === undefined ? kept : [...kept, [id, port]]);
    await this.#options.state.writePorts(this.#ports);
    return port;
  }

  async #serve(instance: LocalInstance): Promise<void> {
    const token = this.#tokens.get(instance.service);
    if (token === undefined || instance.refused !== undefined) return;
    const { site, host, consul } = this.#options.host;
    await instance.serve({ site, host, service: instance.service, consul, token });
  }

  #changed(instance: LocalInstance): void {
    if (this.#instances.get(instance.id) !== instance) return;
    if (instance.health().health !== this.#told.get(instance.id)) this.#options.urgent();
  }

  #wantsToken(service: string): boolean {
    const refusals = this.instances().flatMap((instance) =>
      instance.service === service ? (instance.envoy.tokenRefusedMs ?? []) : [],
    );
    return this.#tokens.wants(service, refusals.length === 0 ? undefined : Math.max(...refusals));
  }

  #bindsUpstreams(instance: LocalInstance): boolean {
    return this.instances().find(({ service }) => service === instance.service) === instance;
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
