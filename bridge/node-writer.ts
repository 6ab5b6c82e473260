import type { Log } from '../base/log.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Consul } from '../clients/consul/consul.ts';
import { ConsulUnavailable } from '../clients/consul/errors.ts';
import { inParallel } from '../base/in-parallel.ts';
import { diff } from '../mesh/catalog/diff.ts';
import { type NodeEntry, OWNER_META } from '../mesh/catalog/entry.ts';
import { type Change, describeChange } from '../mesh/catalog/plan.ts';
import { nodeAfter } from '../mesh/catalog/after.ts';

/**
 * Keeps Consul nodes as they are wanted. The state in Consul is cached, so that wanting the same again costs no
 * request. The cache is believed until a doubt: a failed write, a refused one, a lost Consul, or the timer.
 *
 *   want --> differs from the cache? --no--> done, no request
 *                     | yes
 *                     v
 *          (doubt: read first) --> diff --> apply --all done--> cache = the applied state
 *                     ^                        |
 *                     +---- back-off <= 5 s ---+ something failed: doubt
 */
export interface NodeWriter {
  /** Starts from what Consul was just read to hold: it is wanted as it is, if it is the owner's. */
  adopt(name: string, owner: string, held: NodeEntry | undefined): void;
  /**
   * `desired` undefined: the node is to be gone. Resolves when it is written, or when it is known that it cannot be
   * just now, or after `waitMs` (default 5000): with one sentence for each problem, and none when Consul holds it. It
   * is tried again until it is wanted otherwise.
   */
  want(name: string, owner: string, desired: NodeEntry | undefined, waitMs?: number): Promise<string[]>;
  /** The wanted node; undefined when the node is to be gone, or is unknown. */
  wanted(name: string): NodeEntry | undefined;
  /** The state in Consul as far as it is known. */
  held(name: string): NodeEntry | undefined;
  /** Reads everything again and mends it. */
  verifyAll(): Promise<void>;
  /** Retries and the jittered verification, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface NodeWriterOptions {
  consul: Pick<Consul, 'readNode' | 'apply'>;
  clock: Clock;
  log: Log;
  /** 0 <= random() < 1. */
  random: () => number;
  onWrite: (changes: number, ok: boolean) => void;
  /** Asked before anything is written that no request asked for. Must not throw. */
  mayMend: () => Promise<boolean>;
}

interface Kept {
  name: string;
  owner: string;
  desired: NodeEntry | undefined;
  held: NodeEntry | undefined;
  certain: boolean;
  problems: string[];
  running: Promise<void> | undefined;
  queued: Promise<void> | undefined;
}

const WRITE_WAIT_MS = 5000;
const VERIFY_MS = 30_000;
const PARALLEL = 8;
const NOT_YET = 'Consul does not answer; it is written as soon as Consul is back';

export function createNodeWriter(options: NodeWriterOptions): NodeWriter {
  const { consul, clock, log, random } = options;
  const nodes = new Map<string, Kept>();
  const backoff = createBackoff({ baseMs: 250, capMs: 5000, random });
  let consulLost = false;
  let wake = (): void => undefined;

  const differs = (node: Kept): boolean => !node.certain || changesOf(node).changes.length > 0;

  async function flush(node: Kept): Promise<void> {
    try {
      if (!node.certain) {
        node.held = await consul.readNode(node.name);
        node.certain = true;
      }
      const plan = changesOf(node);
      node.problems = plan.conflicts.map(
        ({ owner }) =>
          `Consul node ${node.name} belongs to another owner (${owner}): remove it from Consul, or use another name`,
      );
      if (plan.changes.length > 0) await write(node, plan.changes);
      consulLost = false;
    } catch (error) {
      node.certain = false;
      node.problems = [error instanceof ConsulUnavailable ? NOT_YET : (error as Error).message];
      consulLost = error instanceof ConsulUnavailable;
      log.warn({ err: error, node: node.name }, 'writing a Consul node failed');
    }
    if (node.problems.length > 0) wake();
  }

  async function write(node: Kept, changes: Change[]): Promise<void> {
    const outcomes = await consul.apply(changes);
    const failed = outcomes.filter((outcome) => !outcome.ok);
    const done = outcomes.filter(({ ok }) => ok).map(({ change }) => change);
    node.held = nodeAfter(node.held, done);
    if (failed.length > 0) node.certain = false;
    node.problems = failed.map((outcome) => (outcome.ok ? '' : outcome.error));
    options.onWrite(changes.length, failed.length === 0);
    log.info({ node: node.name, changes: changes.map(describeChange), failed: node.problems }, 'Consul node written');
  }

  /** At most one flush runs and one waits for a node; the waiting one takes whatever is wanted by then. */
  function flushSoon(node: Kept): Promise<void> {
    if (node.queued !== undefined) return node.queued;
    const start = (): Promise<void> => {
      node.queued = undefined;
      node.running = flush(node).finally(() => (node.running = undefined));
      return node.running;
    };
    if (node.running === undefined) return start();
    node.queued = node.running.then(start);
    return node.queued;
  }

  function kept(name: string, owner: string): Kept {
    const known = nodes.get(name);
    if (known !== undefined) return known;
    const node: Kept = {
      name,
      owner,
      desired: undefined,
      held: undefined,
      certain: false,
      problems: [],
      running: undefined,
      queued: undefined,
    };
    nodes.set(name, node);
    return node;
  }

  async function verifyAll(): Promise<void> {
    await inParallel([...nodes.values()], PARALLEL, async (node) => {
      node.certain = false;
      await flushSoon(node);
      const gone = node.desired === undefined && node.held === undefined;
      if (gone && node.problems.length === 0) nodes.delete(node.name);
    });
  }

  async function retryLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const broken = [...nodes.values()].filter((node) => node.problems.length > 0);
      if (broken.length === 0) {
        backoff.reset();
        await until(signal, (resolve) => (wake = resolve));
        continue;
      }
      await clock.wait(backoff.next(), signal);
      if (signal.aborted || !(await options.mayMend())) return;
      const wasLost = consulLost;
      // One asks whether Consul is back; the others follow.
      await flushSoon(broken[0]!);
      if (consulLost) continue;
      // After an outage nothing that was known of Consul is sure: it may have come back from a snapshot.
      if (wasLost) await verifyAll();
      else await inParallel(broken.slice(1), PARALLEL, (node) => flushSoon(node));
    }
  }

  async function verifyLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.wait(VERIFY_MS * (0.8 + 0.4 * random()), signal);
      if (!signal.aborted && !consulLost && (await options.mayMend())) await verifyAll();
    }
  }

  return {
    adopt(name, owner, held) {
      const ours = held?.Meta[OWNER_META] === owner ? held : undefined;
      Object.assign(kept(name, owner), { held, desired: ours, certain: true, problems: [] });
    },
    async want(name, owner, desired, waitMs = WRITE_WAIT_MS) {
      const node = kept(name, owner);
      node.desired = desired;
      if (node.running === undefined && !differs(node)) return node.problems;
      if (consulLost) {
        node.certain = false;
        node.problems = [NOT_YET];
        wake();
        return node.problems;
      }
      const waiting = new AbortController();
      const written = flushSoon(node).then(() => node.problems);
      const late = clock.wait(waitMs, waiting.signal).then(() => [NOT_YET]);
      return Promise.race([written, late]).finally(() => waiting.abort());
    },
    wanted: (name) => nodes.get(name)?.desired,
    held: (name) => nodes.get(name)?.held,
    verifyAll,
    run: async (signal) => void (await Promise.all([retryLoop(signal), verifyLoop(signal)])),
  };
}

const changesOf = (node: Kept) => diff({ node: node.desired, config: {} }, { node: node.held, config: {} }, node.owner);

/** Resolves when what `arm` is given is called, or the signal aborts; leaves no listener behind. */
function until(signal: AbortSignal, arm: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done);
    arm(done);
  });
}
