import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Logger } from 'pino';

import { BOOTSTRAP_FILE } from '../../mesh/envoy/bootstrap.ts';
import { envoyArguments, leaveSeconds } from '../../mesh/envoy/envoy-arguments.ts';
import { sidecarId } from '../../mesh/names/names.ts';
import { MACHINE_SIDECAR_RANGE } from '../../mesh/names/sidecar-ports.ts';
import type { AppCalls, Protocol } from '../../mesh/proxies/app-calls.ts';

import { runCheck } from '../../checks/check.ts';
import { type CallDoubts, callDoubts } from './call-doubts.ts';
import { type CheckLoop, UNCHECKED, startCheckLoop } from './check-loop.ts';
import type { Clock } from '../../base/clock.ts';
import type { InstanceDefinition } from './definitions.ts';
import { type Drain, afterLook } from './drain.ts';
import { Envoy, type Prepared } from '../envoy/envoy.ts';
import type { EnvoyVersion } from '../envoy/binary.ts';
import { type EnvoyFiles, writeEnvoyFiles, writeToken } from '../envoy/files.ts';
import { type Condition, type Health, healthOf } from './health.ts';
import type { Lineage } from '../envoy/hot-restart.ts';
import { HOT_RESTART_SOCKET } from '../machine/instance-id.ts';
import { listenersOn } from '../machine/listening.ts';
import { messageOf } from '../../base/problem.ts';
import type { Starvation } from '../envoy/silence.ts';

export interface LocalInstanceOptions {
  id: string;
  service: string;
  definition: InstanceDefinition;
  /** Port of the sidecar's public listener; undefined when no port was free. */
  sidecarPort: number | undefined;
  folder: string;
  envoyCommand: string;
  /** How long callers get to leave. */
  drainMs: number;
  clock: Clock;
  random: () => number;
  log: Logger;
  starvation: Starvation;
  /** Why this machine does not reach Consul; undefined: it does. */
  consulProblem: () => string | undefined;
  /** The protocol of its MeshService; undefined: not known yet. */
  protocol: () => Protocol | undefined;
  /** Called when anything about it changed. */
  changed: () => void;
  /** Called when its drain ended by itself. */
  returned: () => void;
  /** Whether its port is about to be closed to everybody outside the mesh. */
  doorWaits: () => boolean;
}

/** Time for a new Envoy to get its configuration. */
const LIVE_MS = 30_000;

/** One instance of a service on this machine: its app's check, its Envoy, its drain. */
export class LocalInstance {
  readonly id: string;
  readonly service: string;
  readonly envoy: Envoy;
  definition: InstanceDefinition;
  sidecarPort: number | undefined;
  draining: Drain | undefined;
  /** The bridge's sentence, when no MeshService admits the service. */
  refused: string | undefined;

  readonly #options: LocalInstanceOptions;
  readonly #doubts: CallDoubts;
  #check: CheckLoop | undefined;
  /** Callers know of it: it is not taken out when its port is closed later. */
  #announced = false;
  /** Its Envoy is about to be ended for another, which cannot take over from it. */
  #replacing = false;
  /** The files from which its Envoy starts. They are there before the start. */
  #files: EnvoyFiles | undefined;

  constructor(options: LocalInstanceOptions) {
    const { id, service, folder, envoyCommand: command, clock, random, log, starvation, changed } = options;
    this.#options = options;
    this.id = id;
    this.service = service;
    this.definition = options.definition;
    this.sidecarPort = options.sidecarPort;
    const prepare = async (lineage: Lineage | undefined): Promise<Prepared> => {
      const { proxy } = this.#files!;
      await writeEnvoyFiles(this.#files!);
      const hotRestart = lineage && { ...lineage, socket: join(folder, HOT_RESTART_SOCKET) };
      const bootstrap = join(folder, BOOTSTRAP_FILE);
      const args = envoyArguments({ bootstrap, node: sidecarId(id), service, proxy, hotRestart });
      return { args, leaveMs: leaveSeconds(proxy) * 1000 };
    };
    this.#doubts = callDoubts(clock);
    const counted = (calls: AppCalls): void => this.#counted(calls);
    this.envoy = new Envoy({ id, folder, command, prepare, clock, random, log, starvation, changed, counted });
    this.#startCheck();
  }

  get appPort(): number {
    return this.definition.port;
  }

  /** Takes a new definition of the same instance; another check begins from the start. */
  redefine(definition: InstanceDefinition): void {
    const same = JSON.stringify(definition.check) === JSON.stringify(this.definition.check);
    this.definition = definition;
    if (same) return;
    this.#check?.stop();
    this.#startCheck();
  }

  /** Starts its Envoy, or hands the running one a new token. Other new files are used at the next start. */
  async serve(files: Omit<EnvoyFiles, 'folder'>): Promise<void> {
    const { folder, log } = this.#options;
    const runs = this.envoy.status.state !== 'off';
    this.#files = { ...files, folder };
    if (!runs) return this.envoy.start();
    await writeToken(folder, files.token).catch((error: unknown) =>
      log.error({ instance: this.id, error: messageOf(error) }, 'the new token could not be handed to Envoy'),
    );
  }

  /**
   * Replaces the program of its Envoy by the installed one. Calls go on where one can take over from the other. Otherwise the instance is out of the mesh meanwhile, and calls of its app fail for a moment. Gives the reason of a failure.
   */
  async replaceEnvoy(offered: EnvoyVersion): Promise<string | undefined> {
    const { clock, drainMs, changed } = this.#options;
    if (this.envoy.canHandOver(offered)) return this.envoy.handOver();
    if (this.envoy.status.state === 'live') {
      this.#replacing = true;
      changed();
      await clock.wait(drainMs);
    }
    await this.envoy.restart();
    this.#replacing = false;
    const untilMs = clock.steady() + LIVE_MS;
    while (this.envoy.status.state !== 'live' && clock.steady() < untilMs) await clock.wait(100);
    const { state, problem } = this.envoy.status;
    return state === 'live' ? undefined : (problem ?? `the new one is not live after ${LIVE_MS / 1000} s`);
  }

  async drain(): Promise<void> {
    this.draining ??= { listeners: await listenersOn(this.appPort), away: false };
  }

  /** Its Envoy has its configuration, but could not open the public listener because another process has the port. */
  portTaken(): boolean {
    const { state, ports, problem } = this.envoy.status;
    const { sidecarPort } = this;
    if (state !== 'live' || sidecarPort === undefined || ports.includes(sidecarPort)) return false;
    return [`cannot bind '0.0.0.0:${sidecarPort}'`, `cannot bind '[::]:${sidecarPort}'`].some((said) =>
      problem?.includes(said),
    );
  }

  condition(): Condition {
    const { state, ports, connected, problem } = this.envoy.status;
    const { sidecarPort } = this;
    const noWay = state === 'off' || connected ? undefined : this.#options.consulProblem();
    const portProblem =
      sidecarPort === undefined ? `no port from ${MACHINE_SIDECAR_RANGE} is free for its Envoy` : undefined;
    const doorProblem =
      !this.#announced && this.#options.doorWaits()
        ? `port ${this.appPort} is being closed to everybody outside the mesh (mutualTLS: Strict)`
        : undefined;
    const noToken = state === 'off' ? 'waiting for a Consul token from the bridge' : undefined;
    return {
      app: this.#check === undefined ? undefined : this.#check.checked(),
      sidecarReady:
        !this.#replacing &&
        state === 'live' &&
        sidecarPort !== undefined &&
        ports.includes(sidecarPort) &&
        doorProblem === undefined,
      sidecarProblem: this.#replacing
        ? 'its Envoy is being replaced'
        : (portProblem ?? noWay ?? problem ?? noToken ?? doorProblem),
      draining: this.draining !== undefined,
      refused: this.refused,
      doubt: this.#doubt(),
    };
  }

  health(): Health {
    const health = healthOf(this.condition());
    if (health.health === 'passing') this.#announced = true;
    return health;
  }

  /** Ends its Envoy and removes its folder. */
  async end(): Promise<void> {
    this.#check?.stop();
    await this.envoy.stop();
    // In /run, so files that cannot be removed go with the next boot.
    await rm(this.#options.folder, { recursive: true, force: true }).catch(() => {});
  }

  #counted(calls: AppCalls): void {
    const before = this.#doubt();
    const { state, connected } = this.envoy.status;
    this.#doubts.hear({ calls, live: state === 'live', connected, protocol: this.#options.protocol() });
    if (this.#doubt() !== before) this.#options.changed();
  }

  #doubt(): string | undefined {
    return this.#doubts.doubt(this.appPort, this.#options.consulProblem());
  }

  #startCheck(): void {
    const { clock, changed } = this.#options;
    const { check, port, failures, successes } = this.definition;
    this.#check = undefined;
    if (check === undefined) return;
    this.#check = startCheckLoop({
      run: () => runCheck(check, port),
      intervalMs: check.intervalMs,
      thresholds: { failures, successes },
      clock,
      heard: (now, before) => {
        if (this.draining !== undefined) void this.#look();
        if (now.state !== before.state || before === UNCHECKED) changed();
      },
    });
  }

  async #look(): Promise<void> {
    const listeners = await listenersOn(this.appPort);
    if (this.draining === undefined || this.#check === undefined) return;
    this.draining = afterLook(this.draining, this.#check.checked().state, listeners);
    if (this.draining !== undefined) return;
    this.#options.log.info({ instance: this.id }, 'the app is back, its drain is over');
    this.#options.returned();
    this.#options.changed();
  }
}
