import { REASONS, type Reason } from '../../crds/reasons.ts';
import { type Mismatch, type Protocol, mismatchSentence } from './app-calls.ts';
import { plain } from './counters.ts';
import type { Refusal } from './refusals.ts';

/** A proxy that refuses something, for people. */
export interface RefusingProxy {
  /** `pod frontend-5d`, `machine rack-1/vm1`, `edge gateway pod landbridge-edge-7c`. */
  proxy: string;
  refusals: Pick<Refusal, 'kind' | 'subscription' | 'words'>[];
}

/** An instance whose sidecar finds nobody where the app should be. */
export interface SilentApp {
  /** `pod frontend-5d`. */
  instance: string;
  port: number;
  /** Calls came and could not be passed on; else a connection was tried without one. */
  calls: boolean;
}

/** An instance whose app does not answer in the protocol of its MeshService. */
export interface MismatchedApp {
  /** `pod frontend-5d`. */
  instance: string;
  port: number;
  protocol: Protocol;
  how: Mismatch;
}

/** The state of the proxies of a MeshService and of its callers. */
export interface ProxiesSeen {
  /** Proxies of its own, or machines that speak for theirs, have answered, and all others were asked. */
  known: boolean;
  /** No proxy that exists refuses anything, although not enough is known to say that all is well. Default: false. */
  over?: boolean;
  refusing: RefusingProxy[];
  silent: SilentApp[];
  /** Default: none. */
  mismatched?: MismatchedApp[];
}

export interface ProxiesVerdict {
  status: 'True' | 'False';
  reason: Reason;
  message: string;
}

/** Whether a refusal is about what Consul gives for a service: its own words, or the subscription, name it. */
export function isAbout(
  { kind, subscription, words = '' }: RefusingProxy['refusals'][number],
  service: string,
): boolean {
  if (kind === 'route' && subscription.endsWith(`_rds_${plain(service)}`)) return true;
  if (kind === 'endpoints' && subscription.startsWith(`cluster_${plain(service)}_`)) return true;
  // Listeners of upstreams are called `web:127.0.0.1:9191`, clusters `web.default.dc1.internal...` or `v2.web.default...`.
  return words.split(/[^a-zA-Z0-9.:-]+/).some((word) => {
    const parts = word.split(/[:.]/);
    return word.startsWith(`${service}:`) || parts[0] === service || (parts[1] === service && parts[2] === 'default');
  });
}

const NAMED = 3;

/** Undefined while not enough is known to say that all is well. */
export function acceptsVerdict({ known, refusing }: ProxiesSeen): ProxiesVerdict | undefined {
  if (refusing.length === 0) {
    return known ? { status: 'True', reason: 'ProxiesAccept', message: REASONS.ProxiesAccept } : undefined;
  }
  const words = [...new Set(refusing.flatMap(({ refusals }) => refusals.map(said)))].sort();
  const what = words.slice(0, NAMED).join('; ');
  const more = words.length > NAMED ? `; and ${words.length - NAMED} more` : '';
  return {
    status: 'False',
    reason: 'ProxyRefuses',
    message: `${named(refusing.map(({ proxy }) => quotable(proxy)))} refused an update from Consul and keeps the earlier configuration: ${what}${more}. Take the last change back, or correct the value that Envoy names`,
  };
}

const said = ({ kind, words }: RefusingProxy['refusals'][number]): string =>
  `Envoy says of its ${OF[kind]}: ${quotable(words) || 'its log does not tell (kubectl logs -c landbridge-sidecar)'}`;

const QUOTED = 300;

/** One line of printable characters: a proxy may be another's program, and its words are shown in terminals. */
const quotable = (text = ''): string => {
  const printable = text.slice(0, 2 * QUOTED).replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ');
  return [...printable.trim()].slice(0, QUOTED).join('');
};

const OF: Record<Refusal['kind'], string> = {
  listener: 'listeners',
  cluster: 'clusters',
  route: 'routes',
  endpoints: 'endpoints',
  secret: 'secrets',
};

/** The first of them by name, and how many more there are. */
function named(all: string[]): string {
  const sorted = [...new Set(all)].sort();
  const more = sorted.length > NAMED ? ` and ${sorted.length - NAMED} more` : '';
  return `${sorted.slice(0, NAMED).join(', ')}${more}`;
}

/** The sentence about ready instances that do not answer. Undefined: there is no such instance. */
export function silentMessage({ silent }: ProxiesSeen): string | undefined {
  const [first] = silent;
  if (first === undefined) return undefined;
  const ports = [...new Set(silent.map(({ port }) => port))].sort((a, b) => a - b);
  const how = silent.some(({ calls }) => calls) ? 'calls to it fail' : 'calls to it would fail';
  return `Nothing accepts connections at ${ports.map((port) => `127.0.0.1:${port}`).join(' or ')} in ${named(silent.map(({ instance }) => instance))}, so ${how}: give spec.port the port that the app listens on, or have the app listen on 127.0.0.1 or 0.0.0.0`;
}

/** The sentence about instances that answer in another protocol. Undefined: there is no such instance. */
export function mismatchedMessage({ mismatched = [] }: ProxiesSeen): string | undefined {
  const [first] = mismatched;
  if (first === undefined) return undefined;
  return `Calls to ${named(mismatched.map(({ instance }) => instance))} fail: ${mismatchSentence(first.port, first.protocol, first.how)}`;
}
