import { proxySettings } from '../../crds/proxy.ts';
import type { BeatAnswer, BeatInstance, BeatRequest, ServicePlan } from '../../mesh/outside/bridge-api.ts';
import { doubtIn } from '../../mesh/outside/call-doubt.ts';
import type { Protocol } from '../../mesh/proxies/app-calls.ts';

import { beatInstances } from './beat-instances.ts';
import type { EnvoyFiles } from '../envoy/files.ts';
import type { LocalInstance } from '../instances/local-instance.ts';
import { upstreamBinders } from '../instances/upstream-binders.ts';
import type { Learnt } from '../state/learnt.ts';

/** The consequences of a bridge's answer for the instances of this machine. */
export interface Verdicts {
  /** Plans or lease are others than before. */
  news: boolean;
  /** The reason, by service that no MeshService admits. */
  refused: ReadonlyMap<string, string>;
  /** Services with a new token. */
  renewed: ReadonlySet<string>;
}

/** A state that the bridge has taken. */
interface Told {
  health: BeatInstance['health'];
  doubt: string | undefined;
}

/** The beats of this machine: their requests, the bridge's answers, and the state that each side knows from them. */
export class Exchange {
  readonly #learnt: Learnt;
  readonly #run: string;
  readonly #instances: () => LocalInstance[];
  /** The state that the bridge has taken, by instance. */
  readonly #told = new Map<string, Told>();
  /** The agent is about to end. */
  #leaves = false;

  /** `run`: see machine-run.ts. */
  constructor(parts: { learnt: Learnt; run: string; instances: () => LocalInstance[] }) {
    this.#learnt = parts.learnt;
    this.#run = parts.run;
    this.#instances = parts.instances;
  }

  leaseMs(): number {
    return this.#learnt.leaseMs();
  }

  plans(): ServicePlan[] {
    return this.#learnt.plans();
  }

  /** The token and the settings of an Envoy of the service; undefined without a token. */
  startOf(service: string): Pick<EnvoyFiles, 'token' | 'proxy'> | undefined {
    const token = this.#learnt.token(service);
    if (token === undefined) return undefined;
    return { token, proxy: this.#learnt.plan(service)?.proxy ?? proxySettings.parse(undefined) };
  }

  request(address: string): BeatRequest {
    const instances = this.beatInstances();
    const services = [...new Set(instances.map(({ service }) => service))];
    const run = this.#leaves ? { id: this.#run, leaves: true } : { id: this.#run };
    return { address, instances, wantTokens: services.filter((service) => this.#wantsToken(service)), run };
  }

  /** Takes a bridge's answer to the request. */
  async take(request: BeatRequest, answer: BeatAnswer): Promise<Verdicts> {
    for (const { id, health, output } of request.instances) this.#told.set(id, { health, doubt: doubtIn(output) });
    const { news } = await this.#learnt.take(answer, this.#instances());
    const refused = new Map(answer.refused.map(({ service, message }) => [service, message]));
    return { news, refused, renewed: new Set(answer.tokens.map(({ service }) => service)) };
  }

  /** From now on each request says that this machine leaves. */
  leave(): void {
    this.#leaves = true;
  }

  /** An instance that is gone is not in the next request. */
  forget(id: string): void {
    this.#told.delete(id);
  }

  toldHealth(id: string): BeatInstance['health'] | undefined {
    return this.#told.get(id)?.health;
  }

  /** The bridge has taken another state of the instance. */
  isNews(instance: LocalInstance): boolean {
    const { health, output } = instance.health();
    const told = this.#told.get(instance.id);
    return health !== told?.health || doubtIn(output) !== told.doubt;
  }

  /** undefined: the bridge has not said it yet. */
  protocolOf(service: string): Protocol | undefined {
    return this.#learnt.plan(service)?.protocol;
  }

  /** As the next request names them. */
  beatInstances(): BeatInstance[] {
    return beatInstances(this.#instances(), this.#binders().ids);
  }

  /** Those that an instance's own Envoy listens for. */
  boundUpstreams(): (instance: LocalInstance) => ServicePlan['upstreams'] {
    const { ids } = this.#binders();
    return ({ id, service }) => (ids.has(id) ? (this.#learnt.plan(service)?.upstreams ?? []) : []);
  }

  /** Of the services whose upstreams a sidecar of this machine listens for. */
  boundPlans(): ServicePlan[] {
    const { ids } = this.#binders();
    const bound = new Set(this.#instances().flatMap(({ id, service }) => (ids.has(id) ? [service] : [])));
    return this.#learnt.plans().filter(({ service }) => bound.has(service));
  }

  /** Conflicts between the plans of the services of this machine, one sentence each. */
  problems(): string[] {
    return this.#binders().problems;
  }

  #wantsToken(service: string): boolean {
    const refusals = this.#instances().flatMap((instance) =>
      instance.service === service ? (instance.envoy.refusals.lastMs ?? []) : [],
    );
    return this.#learnt.wantsToken(service, refusals.length === 0 ? undefined : Math.max(...refusals));
  }

  #binders(): ReturnType<typeof upstreamBinders> {
    return upstreamBinders(this.#instances(), this.#learnt.plans());
  }
}
