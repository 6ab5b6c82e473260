import type { Refusal } from '../../mesh/proxies/refusals.ts';

import type { EnvoyVersion } from './binary.ts';

/**
 *   off --start--> starting --LIVE--> live --exit or hang--> waiting --back-off--> starting
 *                                any --stop--> off
 */
export interface EnvoyStatus {
  state: 'off' | 'starting' | 'live' | 'waiting';
  pid: number | undefined;
  version: EnvoyVersion | undefined;
  restarts: number;
  /** How it ended last without being told to; undefined: it has not. */
  lastEnd?: { why: string; /** RFC 3339. */ at: string };
  /** Ports of its open listeners. */
  ports: number[];
  /** It has a stream to Consul. */
  connected: boolean;
  /** Updates from Consul that it refused: it goes on with the configuration before them. */
  refusals: Refusal[];
  /** One line: why it does not run, or what it refused. */
  problem: string | undefined;
}

export const OFF = {
  state: 'off',
  pid: undefined,
  version: undefined,
  ports: [],
  connected: false,
  refusals: [],
  problem: undefined,
} satisfies Omit<EnvoyStatus, 'restarts' | 'lastEnd'>;

const COMPLAINT = /\[(?:critical|error)\]|rejected|cannot bind|permissiondenied|unauthenticated|stream.* closed/i;

/** With this number the sentence would be news to the bridge and to `vm join` each second. */
const SINCE = / since \d+s ago(?=:)/;

/** Envoy's lines start with `[time][thread][level][component] [file:line] `. */
const withoutPrefix = (line: string): string => line.replace(/^(?:\[[^\]]*\]\s*)+/, '').slice(0, 500);

/** The complaint in a line of its log; undefined without one. */
export const complaintIn = (line: string): string | undefined =>
  COMPLAINT.test(line) ? withoutPrefix(line).replace(SINCE, '') : undefined;
