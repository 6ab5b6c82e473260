import type { Logger } from 'pino';

import type {
  BeatAnswer,
  DoorsRequest,
  NamesAnswer,
  NamesRequest,
  ProbeAnswer,
  ProblemsRequest,
  ReachAnswer,
  RefusalsRequest,
  RenewAnswer,
} from '../../mesh/outside/bridge-api.ts';
import type { ProbeResult } from '../../mesh/outside/bridge-shapes.ts';

import { skewProblem } from '../../mesh/outside/call-doubt.ts';

import { parseAddress, sourceAddress } from '../machine/address.ts';
import { attemptLimits } from './beat-loop.ts';
import { type BridgeClient, BridgeRefusal, makeBridgeClient } from '../bridge-client.ts';
import { isPastHalf, makeRequest, validityOf } from '../state/certificate.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/problem.ts';
import { keep } from '../state/learnt.ts';
import type { HostState, Identity, State } from '../state/state.ts';
import type { AgentStatus } from '../local-api/status.ts';
import type { Exchange } from './exchange.ts';
import type { Supervisor } from './supervisor.ts';

interface MembershipParts {
  state: State;
  exchange: Pick<Exchange, 'leaseMs' | 'request'>;
  supervisor: Pick<Supervisor, 'learn' | 'shutOut'>;
  clock: Clock;
  log: Logger;
  /** The bridge has closed the connection that the beats go over. */
  onHungUp: () => void;
}

/** At least this long between two tries to renew the certificate. */
const RENEW_AGAIN_MS = 30_000;
/** The bridge gives a sidecar 3 s. */
const REACH_LIMITS = { connectMs: 3000, answerMs: 6000 };
/** The bridge gives Consul's DNS 1.5 s. */
const NAME_LIMITS = { connectMs: 1000, answerMs: 2000 };
const NAME_CONNECTIONS = 4;

/** This machine's standing with the bridges: its certificate, its lease, and its last problem. */
export class Membership {
  readonly #parts: MembershipParts;
  #host: HostState;
  #identity: Identity;
  #client: BridgeClient;
  /** For look-ups: no beat waits for them. */
  #nameClient: BridgeClient;
  #heldMs: number | undefined;
  #problem: string | undefined;
  #renewTriedMs = -Infinity;
  #bridgeProblems: string[] = [];

  constructor(host: HostState, identity: Identity, parts: MembershipParts) {
    this.#parts = parts;
    this.#host = host;
    this.#identity = identity;
    this.#client = this.#connect();
    this.#nameClient = this.#connectForNames();
  }

  /** Sends one beat, and puts the answer of the bridge into force. Throws when no bridge took it. */
  async beat(): Promise<void> {
    const { state, exchange, supervisor, clock, log } = this.#parts;
    await this.#renewWhenDue();
    // A beat waits for no disk.
    if (state.problem() !== undefined) void state.retry();
    const request = exchange.request(await this.#address());
    const answer = await this.#client
      .post<BeatAnswer & { problems?: string[] }>('/v1/beat', request)
      .catch((error: unknown) => this.#refused(error));
    this.#heldMs = clock.steady();
    this.#bridgeProblems = answer.problems ?? [];
    if (this.#problem !== undefined) log.info({ bridge: this.#client.bridge() }, 'the bridge answers again');
    this.#problem = undefined;
    await supervisor.learn(request, answer);
  }

  /** Its instances have left the mesh already. A machine that obeys ends its Envoys as well. */
  async #refused(error: unknown): Promise<never> {
    if (error instanceof BridgeRefusal && error.code === 'hostRevoked')
      await this.#parts.supervisor.shutOut(error.message);
    throw error;
  }

  /** Asks the bridge to try the sidecars of this machine from its side; over a connection of its own: no beat waits. */
  reach(): Promise<ReachAnswer> {
    return this.#aside<ReachAnswer>('/v1/reach', {});
  }

  /** Tells what this machine found of the pods that it calls, and hears which to try next. */
  probe(results: ProbeResult[]): Promise<ProbeAnswer> {
    return this.#aside<ProbeAnswer>('/v1/probe', { results });
  }

  /** Tells what Envoys of this machine refuse. */
  refusals(request: RefusalsRequest): Promise<object> {
    return this.#aside<object>('/v1/refusals', request);
  }

  /** Tells how apps of this machine are reached past their sidecars. */
  doors(request: DoorsRequest): Promise<object> {
    return this.#aside<object>('/v1/doors', request);
  }

  /** Tells what is wrong on this machine. */
  tellProblems(request: ProblemsRequest): Promise<object> {
    return this.#aside<object>('/v1/problems', request);
  }

  async #aside<T>(path: string, body: object): Promise<T> {
    const client = makeBridgeClient({
      bridges: this.#host.bridges,
      credentials: this.#identity,
      limits: () => REACH_LIMITS,
    });
    try {
      return await client.post<T>(path, body);
    } finally {
      client.close();
    }
  }

  /** Asks Consul's DNS. Throws when no bridge answers. */
  async askName(question: NamesRequest): Promise<Buffer> {
    const { message } = await this.#nameClient.post<NamesAnswer>('/v1/names', question);
    return Buffer.from(message, 'base64');
  }

  failed(message: string): void {
    if (this.#problem !== message) this.#parts.log.warn({ message }, 'beat failed; running Envoys go on');
    this.#problem = message;
  }

  /** undefined: its clock is right, as far as the bridge can tell. */
  clockProblem(): string | undefined {
    return skewProblem("this machine's clock", this.#client.skewMs());
  }

  /** The work that the bridge could not do for this machine at its last beat. The bridge tries it again by itself. */
  problems(): string[] {
    const skew = this.clockProblem();
    return [
      ...this.#bridgeProblems.map((problem) => `the bridge says: ${problem}`),
      ...(skew === undefined ? [] : [skew]),
    ];
  }

  /** Takes what `vm join` wrote: another certificate, other bridges. */
  async reload(): Promise<void> {
    const { state } = this.#parts;
    const [host, identity] = [await state.readHost(), await state.readIdentity()];
    if (host !== undefined) this.#host = host;
    if (identity !== undefined) this.#identity = identity;
    this.close();
    this.#client = this.#connect();
    this.#nameClient = this.#connectForNames();
  }

  status(): Omit<AgentStatus, 'run' | 'names' | 'problems' | 'instances'> {
    const { exchange, clock } = this.#parts;
    const { host, site, address } = this.#host;
    return {
      host,
      site,
      address,
      leaseMs: exchange.leaseMs(),
      bridge: {
        address: this.#client.bridge(),
        leaseAgeMs: this.#heldMs === undefined ? undefined : Math.round(clock.steady() - this.#heldMs),
        problem: this.#problem,
      },
      certificateExpiresAt: new Date(validityOf(this.#identity.certificate).untilMs).toISOString(),
    };
  }

  close(): void {
    this.#client.close();
    this.#nameClient.close();
  }

  #connect(): BridgeClient {
    const { bridges } = this.#host;
    const limits = (): ReturnType<typeof attemptLimits> => attemptLimits(this.#parts.exchange.leaseMs());
    const { onHungUp } = this.#parts;
    return makeBridgeClient({ bridges, credentials: this.#identity, limits, onHungUp });
  }

  #connectForNames(): BridgeClient {
    const { bridges } = this.#host;
    const limits = (): typeof NAME_LIMITS => NAME_LIMITS;
    return makeBridgeClient({ bridges, credentials: this.#identity, limits, connections: NAME_CONNECTIONS });
  }

  /** A machine whose address changes (DHCP, a move) says so with its next beat. Without a route it keeps the old one. */
  async #address(): Promise<string> {
    if (this.#host.addressMode === 'fixed') return this.#host.address;
    const bridge = parseAddress(this.#client.bridge());
    const address = (bridge && (await sourceAddress(bridge))) ?? this.#host.address;
    if (address !== this.#host.address) {
      this.#parts.log.info({ address, before: this.#host.address }, 'this machine has another address');
      this.#host = { ...this.#host, address };
    }
    return address;
  }

  /** With the same key, so that certificate and key on disk always belong together. A failure is tried again later. */
  async #renewWhenDue(): Promise<void> {
    const { state, clock, log } = this.#parts;
    const { key, certificate } = this.#identity;
    if (!isPastHalf(validityOf(certificate), clock.now())) return;
    if (clock.steady() - this.#renewTriedMs < RENEW_AGAIN_MS) return;
    this.#renewTriedMs = clock.steady();
    try {
      const csr = await makeRequest(key, this.#host.host);
      const renewed = await this.#client.post<RenewAnswer>('/v1/renew', { csr });
      this.#identity = { key, certificate: renewed.certificate, bridgeCa: renewed.bridgeCa };
      // A full disk must not keep the new one out of use.
      this.#client.use(this.#identity);
      this.#nameClient.use(this.#identity);
      await keep(log, state.writeIdentity({ certificate: renewed.certificate, bridgeCa: renewed.bridgeCa }));
      log.info({ expiresAt: new Date(validityOf(renewed.certificate).untilMs) }, 'certificate renewed');
    } catch (error) {
      log.warn({ message: messageOf(error) }, 'certificate not renewed, trying again later');
    }
  }
}
