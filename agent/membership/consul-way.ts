import { parseAddress } from '../machine/address.ts';
import type { Clock } from '../../base/clock.ts';
import { type TriedTcp, tryTcp } from '../../base/try-tcp.ts';

export interface ConsulWayOptions {
  /** Consul's gRPC addresses, `host:port`. */
  addresses: readonly string[];
  /** Whether an Envoy of this machine is without a stream to Consul. */
  alone: () => boolean;
  clock: Clock;
  /** `problem` is another now. */
  changed: () => void;
  /** Default: a TCP connection. */
  reach?: (at: { address: string; port: number }) => Promise<TriedTcp>;
}

/** Whether this machine reaches Consul. Envoy says nothing for half a minute, and then neither address nor port. */
export interface ConsulWay {
  /** undefined: it does, or no Envoy is without Consul. */
  problem(): string | undefined;
  end(): void;
}

const LOOK_MS = 1000;
/** An Envoy that has just started has no stream yet. */
const PATIENT_LOOKS = 2;
const AGAIN_LOOKS = 5;

export function watchConsulWay({ addresses, alone, clock, changed, reach = tryTcp }: ConsulWayOptions): ConsulWay {
  let problem: string | undefined;
  let looks = 0;
  let ended = false;

  async function look(): Promise<void> {
    looks = alone() ? looks + 1 : 0;
    if (looks === 0) return set(undefined);
    if (looks < PATIENT_LOOKS || (looks - PATIENT_LOOKS) % AGAIN_LOOKS !== 0) return;
    const places = addresses.map(parseAddress);
    const tried = await Promise.all(
      places.map(async (at) => (at === undefined ? undefined : reach({ address: at.host, port: at.port }))),
    );
    // One server is enough: Envoy goes to a server that answers.
    if (tried.some((one) => one?.ok !== false)) return set(undefined);
    const met = addresses.map((address, index) => `${address} (${tried[index]!.output})`);
    const ports = [...new Set(places.map((at) => at?.port))].join(', ');
    set(`this machine does not reach Consul at ${met.join(', ')}: let it out to TCP port ${ports} there`);
  }

  function set(next: string | undefined): void {
    const before = problem;
    problem = next;
    if (before !== next && !ended) changed();
  }

  const turn = (): void => {
    void look().finally(() => {
      if (!ended) cancel = clock.after(LOOK_MS, turn);
    });
  };
  let cancel = clock.after(LOOK_MS, turn);
  return {
    problem: () => problem,
    end() {
      ended = true;
      cancel();
    },
  };
}
