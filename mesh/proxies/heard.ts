import type { UpdateKind } from './counters.ts';

/** Envoy's own words for an update that it refused. */
export interface Heard {
  kind: UpdateKind;
  /** One line, at most 300 characters. */
  words: string;
  /** ms since 1970; undefined: the line does not tell. */
  atMs: number | undefined;
}

const MAX_WORDS = 300;

const KINDS: Record<string, UpdateKind> = {
  Listener: 'listener',
  Cluster: 'cluster',
  RouteConfiguration: 'route',
  ClusterLoadAssignment: 'endpoints',
  Secret: 'secret',
};

/**
 * A line of Envoy's log, as it is or with the time before it that a kubelet writes with `timestamps=true`. Each refusal is
 * logged twice, by the subscription and by the state of the stream; the former counts.
 */
export function heardIn(line: string): Heard | undefined {
  const found = /gRPC config for type\.googleapis\.com\/[\w.]+\.(\w+) rejected: (.+)/.exec(line);
  const kind = KINDS[found?.[1] ?? ''];
  if (found === null || kind === undefined) return undefined;
  const stamp = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/.exec(line)?.[0];
  const atMs = stamp === undefined ? undefined : Date.parse(stamp);
  return { kind, words: found[2]!.trim().slice(0, MAX_WORDS), atMs: Number.isNaN(atMs) ? undefined : atMs };
}
