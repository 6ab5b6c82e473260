import { createBackoff } from '../../base/backoff.ts';
import type { Log } from '../../base/log.ts';
import type { ProxySettings } from '../../crds/proxy.ts';
import { equal } from '../../mesh/equal.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import type { SidecarSecrets } from '../sidecar-secret/sidecar-secret.ts';

export interface KeepOptions {
  /** Its name in Consul; the Secret that its pods start from is called after it. */
  service: string;
  /** Whether there is anything to keep. */
  isThere: () => boolean;
  /** The inputs of a walk that others change. A change of them brings another walk. */
  asked: () => unknown;
  /** Throws when it has to be made again. */
  walk: () => Promise<Walked>;
  sidecarSecrets: Pick<SidecarSecrets, 'forget'>;
  /** The verdict about a MeshService has come, gone or changed. */
  onVerdict: (key: string) => void;
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

export interface Walked {
  /** The verdicts about MeshServices, by `namespace/name`. */
  verdicts: Map<string, string>;
  /** The wishes that the verdicts are about, by the same keys. Default: none is kept. */
  judged?: ReadonlyMap<string, unknown>;
  /** The state that the walk before had left in Consul was no longer there. */
  lost: boolean;
}

export interface Gateway {
  /** Something may be asked for now that was not before, or the other way round. */
  nudge(): unknown;
  /** Undefined: nothing is to be said of it. */
  verdictOf(key: string): string | undefined;
  /** The wish of a MeshService that its verdict is about; undefined without one. */
  judgedOf(key: string): unknown;
}

/** The pods of a gateway's own Envoys. */
export const GATEWAY_STATS: ProxySettings['stats'] = { tags: {}, extra: [] };

const LOOK_MS = 10_000;
/** There is nothing to keep then; an old copy of Consul's data may bring back what was removed. */
const OFF_LOOK_MS = 300_000;
const SETTLE_MS = 100;

/** Walks when it is nudged, when a walk failed (back-off <= 5 s) and every 10 s: not all that a gateway is made of has events. Every 5 min without one. */
export function keepGateway(options: KeepOptions): Gateway {
  const { service, signal, log, random, onVerdict } = options;
  const backoff = createBackoff({ baseMs: 200, capMs: 5000, random });
  let verdicts = new Map<string, string>();
  let judged: ReadonlyMap<string, unknown> = new Map();
  let timer: NodeJS.Timeout | undefined;
  let walked = '';
  let written = false;

  async function turn(): Promise<void> {
    let nextMs = options.isThere() ? LOOK_MS : OFF_LOOK_MS;
    try {
      const [before, judgedBefore] = [verdicts, judged];
      walked = JSON.stringify(options.asked());
      const { lost, verdicts: found, judged: wishes = new Map() } = await options.walk();
      // Consul has forgotten what was written, so it has forgotten the gateway's token as well.
      if (lost && written) options.sidecarSecrets.forget(NAMESPACE, service);
      if (lost && written) nextMs = SETTLE_MS;
      written = true;
      verdicts = found;
      judged = wishes;
      const keys = new Set([...before.keys(), ...verdicts.keys()]);
      for (const key of keys)
        if (before.get(key) !== verdicts.get(key) || !equal(judgedBefore.get(key), judged.get(key))) onVerdict(key);
      backoff.reset();
    } catch (error) {
      nextMs = backoff.next();
      if (!signal.aborted) log.warn({ err: error, gateway: service }, 'a gateway is not up to date');
    }
    if (changed()) nextMs = Math.min(nextMs, SETTLE_MS);
    plan(nextMs);
  }

  const changed = (): boolean => JSON.stringify(options.asked()) !== walked;

  /** Undefined while a walk is under way. */
  const plan = (ms: number): void => {
    if (signal.aborted) return;
    timer = setTimeout(() => {
      timer = undefined;
      void turn();
    }, ms);
  };
  let looking: NodeJS.Timeout | undefined;
  const look = (): void => {
    looking = undefined;
    if (timer === undefined || !changed()) return;
    clearTimeout(timer);
    plan(0);
  };
  signal.addEventListener('abort', () => [timer, looking].forEach(clearTimeout));
  plan(0);
  return {
    nudge: () => (looking ??= setTimeout(look, SETTLE_MS)),
    verdictOf: (key) => verdicts.get(key),
    judgedOf: (key) => judged.get(key),
  };
}
