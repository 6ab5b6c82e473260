import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { splitKey } from '../../clients/kube/object.ts';
import type { Reason } from '../../crds/reasons.ts';
import { isCalled } from '../../mesh/status/not-ready.ts';
import type { SidecarSecrets } from '../sidecar-secret/sidecar-secret.ts';
import type { HeldMeshService } from '../world/held-mesh-service.ts';
import type { Surroundings } from './surroundings.ts';

export interface VerificationOptions {
  meshServices: { keys(): string[]; get(key: string): HeldMeshService | undefined };
  /** Consul nodes whose memory is wrong; see operator/catalog/survey.ts. */
  survey: () => Promise<string[]>;
  /** The Consul node of a key. */
  nodeOf: (key: string) => string;
  catalog: { doubt(node: string): void; memories(): ReadonlyMap<string, unknown> };
  surroundings: Pick<Surroundings, 'doubt'>;
  sidecarSecrets: Pick<SidecarSecrets, 'doubt' | 'prove'>;
  /** Asks for a walk. */
  walk: (key: string) => void;
  /** From one survey to the next; 0.8 to 1.05 of it, so that a repair never takes much longer than the period. */
  verifyMs: number;
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

/** A MeshService in order is read by itself once in so many periods: ten minutes at a period of 30 s. */
const PERIODS_A_ROUND = 20;

/** Walks of the slow round that begin together, so that a flip or a foreign change never waits behind all of a period's. */
const BESIDE = 4;
/** The part of the shortest period in which those of a period are begun. */
const SPREAD = 0.9 * 0.8;

/** Off-cluster instances come and go without an event of ours; their counts in the status are this old at most. */
const EXTERNAL_LOOK_MS = 10_000;
/** A machine that joins, or whose agent is started again, takes traffic after a second or two: nobody should read for ten that it does not. */
const UNREADY_LOOK_MS = 2000;
/** Looks a turn at MeshServices whose machines are not ready. Where there are more, they take turns. */
const UNREADY_LOOKS = 20;

export interface Verification {
  /** Compares everything now. Never rejects. */
  survey(): Promise<void>;
}

/**
 * Finds what changed without an event of ours, until `signal` aborts:
 *
 * | what                                     | how often                | what it costs                                  |
 * |------------------------------------------|--------------------------|------------------------------------------------|
 * | Consul differs from what is remembered   | each period              | one survey for all; a walk for each difference |
 * | the youngest token of a sidecar is lost   | each period              | one request; one for each token when it is     |
 * | a MeshService that is not in order       | each period              | a look at its pods, a write of its Secret      |
 * | a MeshService with off-cluster instances | 10 s                     | one read                                       |
 * | one of those that are not all ready      | 2 s                      | one read; 20 MeshServices at most              |
 * | every MeshService, all of it             | each period one in 20    | all of the above, and the four reads of a walk |
 */
export function verifyInTurns(options: VerificationOptions): Verification {
  const { meshServices, catalog, surroundings, sidecarSecrets, walk, nodeOf, clock, random, signal, log, verifyMs } =
    options;

  async function survey(): Promise<void> {
    try {
      const differing = new Set(await options.survey());
      for (const node of differing) catalog.doubt(node);
      // A key without a memory has yet to be read.
      for (const key of meshServices.keys()) if (!catalog.memories().has(nodeOf(key))) walk(key);
      if (differing.size > 0) log.info({ nodes: differing.size }, 'Consul holds something else than was remembered');
    } catch (error) {
      log.warn({ err: error }, 'could not compare Consul with what is remembered');
    }
    try {
      const lost = await sidecarSecrets.prove();
      for (const key of lost) if (meshServices.get(key) !== undefined) walk(key);
      if (lost.length > 0) log.warn({ tokens: lost.length }, 'Consul had lost tokens of sidecars; they get new ones');
    } catch (error) {
      log.warn({ err: error }, 'could not ask Consul for the tokens of the sidecars');
    }
  }

  function lookAgain(period: number): void {
    const isInTurn = (_key: string, index: number): boolean => index % PERIODS_A_ROUND === period % PERIODS_A_ROUND;
    const keys = meshServices.keys();
    for (const [index, key] of keys.entries())
      if (!isInTurn(key, index) && isUnsettled(meshServices.get(key))) lookAt(key, isNameInUse(meshServices.get(key)));
    void lookInTurn(keys.filter(isInTurn));
  }

  function lookAt(key: string, doubts: boolean): void {
    if (doubts) catalog.doubt(nodeOf(key));
    surroundings.doubt(key);
    const { namespace = '', name } = splitKey(key);
    sidecarSecrets.doubt(namespace, name);
    walk(key);
  }

  async function lookInTurn(keys: string[]): Promise<void> {
    const stepMs = (SPREAD * verifyMs * BESIDE) / keys.length;
    for (let at = 0; at < keys.length; at += BESIDE) {
      if (at > 0) await clock.wait(stepMs, signal);
      if (signal.aborted) return;
      // One may have gone meanwhile.
      for (const key of keys.slice(at, at + BESIDE)) if (meshServices.get(key) !== undefined) lookAt(key, true);
    }
  }

  async function every(periodMs: number, turn: (period: number) => Promise<void> | void): Promise<void> {
    for (let period = 1; ; period++) {
      await clock.wait(periodMs * (0.8 + 0.25 * random()), signal);
      if (signal.aborted) return;
      await turn(period);
    }
  }

  void every(verifyMs, async (period) => {
    await survey();
    lookAgain(period);
  });
  void every(Math.min(verifyMs, EXTERNAL_LOOK_MS), () => {
    for (const key of meshServices.keys()) {
      if (meshServices.get(key)?.meshService?.spec.workloads.external === undefined) continue;
      surroundings.doubt(key);
      walk(key);
    }
  });
  void every(Math.min(verifyMs, UNREADY_LOOK_MS), (turn) => {
    const unready = meshServices.keys().filter((key) => isUnready(meshServices.get(key)));
    const first = unready.length > UNREADY_LOOKS ? (turn * UNREADY_LOOKS) % unready.length : 0;
    for (const key of [...unready.slice(first), ...unready.slice(0, first)].slice(0, UNREADY_LOOKS)) {
      surroundings.doubt(key);
      walk(key);
    }
  });
  return { survey };
}

const UNREADY_REASONS: readonly Reason[] = ['NoInstances', 'NoReadyInstances', 'MachineDoorOpen'];

/** Its machines take no traffic, or not all of them, or a port of an app stands open there. */
function isUnready(held: HeldMeshService | undefined): boolean {
  if (held?.meshService?.spec.workloads.external === undefined) return false;
  const { conditions = [], instances } = held.status ?? {};
  const { ready = 0, total = 0 } = instances?.external ?? {};
  const reasons = conditions.map(({ reason }) => reason);
  return ready < total || UNREADY_REASONS.some((reason) => reasons.includes(reason));
}

/** The instances may go, and an administrator may allow the claim. Neither makes an event here. */
const isNameInUse = (held: HeldMeshService | undefined): boolean =>
  (held?.status?.conditions ?? []).some(({ reason }) => reason === 'NameInUse');

/** Something is not as it should be, and may mend without an event of ours: a Secret, a token, pods without sidecar. */
function isUnsettled(held: HeldMeshService | undefined): boolean {
  // Without a port it may get the workload that makes its pods, and no watch tells of that.
  const isSettledWithout = isCalled(held?.meshService);
  return (held?.status?.conditions ?? []).some(
    ({ type, status, reason }) =>
      // Whether doors are closed is looked at on its own (operator/doors/door-trials.ts), and a name is met with an event.
      (type !== 'Enforced' &&
        type !== 'NamesMet' &&
        status !== 'True' &&
        !(reason === 'NoInstances' && isSettledWithout)) ||
      reason === 'SomeInstancesNotReady',
  );
}
