import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

/** A Service keeps its address as long as it is there. */
const PERIOD_MS = 10 * 60_000;
const PATIENCE_MS = 2000;
/** Between tries until the first answer: twice as long each time. */
const RETRY_MS = { first: 1000, most: 60_000 };
/** Names of Services, which only the cluster's DNS knows. Others are for the DNS of the company, or of the world. */
const OF_SERVICE = /\.svc(\.|$)/;

export interface ConsulAddressesOptions {
  /** Where sidecars find Consul. */
  host: string;
  /** All addresses of a name. */
  lookup: (host: string) => Promise<string[]>;
  clock: Pick<Clock, 'wait'>;
  signal: AbortSignal;
  log: Log;
}

/**
 * The addresses of the Service by which sidecars find Consul, for pods with a DNS of their own that does not know its name.
 * Empty when the name is not that of a Service; undefined until a lookup has succeeded. Looked up at once and with
 * back-off until then, and again every ten minutes. The last result is kept.
 */
export function followConsulAddresses({
  host,
  lookup,
  clock,
  signal,
  log,
}: ConsulAddressesOptions): () => Promise<string[] | undefined> {
  let found: string[] | undefined;
  const look = async (): Promise<void> => {
    try {
      found = (await lookup(host)).sort();
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, host }, 'could not look up the address of Consul');
    }
  };
  if (!OF_SERVICE.test(host)) return () => Promise.resolve([]);
  const follow = async (): Promise<void> => {
    for (let retryMs = RETRY_MS.first; !signal.aborted; retryMs = Math.min(2 * retryMs, RETRY_MS.most)) {
      await clock.wait(found === undefined ? retryMs : PERIOD_MS, signal);
      if (!signal.aborted) await look();
    }
  };
  const first = look();
  void first.then(follow);
  const patience = Promise.race([first, clock.wait(PATIENCE_MS, signal)]);
  return async () => {
    await patience;
    return found;
  };
}
