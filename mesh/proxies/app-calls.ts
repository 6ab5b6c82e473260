import type { MeshServiceSpec } from '../../crds/mesh-service.ts';

/**
 * Calls that a sidecar passed on to its app, counted since the Envoy began.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
 */
export interface AppCalls {
  /** Answers with a status below 500. The sidecar's own answers to calls that failed have 502 and 503. */
  answered: number;
  /** Connections that ended because the bytes of the app were not of the protocol. */
  protocolErrors: number;
  /** Connections that the app closed in the middle of a call. */
  closed: number;
}

export const NO_CALLS: AppCalls = { answered: 0, protocolErrors: 0, closed: 0 };

export type Protocol = MeshServiceSpec['protocol'];

/** The failures of calls to one app since its last answer. */
export interface Speech {
  /** The protocol of the MeshService, in which the calls were made. */
  protocol: Protocol;
  /** The counters at the last look. */
  seen: AppCalls;
  /** The app has answered in this protocol. */
  answers: boolean;
  protocolErrors: number;
  closed: number;
  /** When a call failed last. */
  failedMs: number;
}

/** How an app fails its calls: with bytes of another protocol, or by closing connections in place of an answer. */
export type Mismatch = 'garbled' | 'closed';

/** An odd answer, or a connection that is closed while it is used again, proves nothing. So many failures without an answer between them do. */
const PROVED = 3;
/** An app that has never answered needs less. */
const PROVED_SILENT = 2;
/** Failures of an app that has answered before are believed to go on for so long. */
const FAILURES_GOOD_MS = 120_000;

/** The account after a look. Undefined for tcp, where every byte is right. */
export function speechAfter(
  before: Speech | undefined,
  calls: AppCalls,
  protocol: Protocol,
  nowMs: number,
): Speech | undefined {
  if (protocol === 'tcp') return undefined;
  const none = { protocol, seen: calls, protocolErrors: 0, closed: 0, failedMs: nowMs };
  if (before === undefined) {
    // Failures before the last answer may be of long ago.
    if (calls.answered > 0) return { ...none, answers: true };
    return { ...none, answers: false, protocolErrors: calls.protocolErrors, closed: calls.closed };
  }
  if (before.protocol !== protocol) {
    // Failures may be of the earlier protocol, and answers are.
    if (mismatchIn(before) !== undefined || calls.answered > before.seen.answered) return { ...none, answers: false };
    return speechAfter({ ...none, seen: before.seen, answers: false }, calls, protocol, nowMs);
  }
  const isAnother = (Object.keys(calls) as (keyof AppCalls)[]).some((key) => calls[key] < before.seen[key]);
  const seen = isAnother ? NO_CALLS : before.seen;
  if (calls.answered > seen.answered) return { ...none, answers: true };
  const [protocolErrors, closed] = [calls.protocolErrors - seen.protocolErrors, calls.closed - seen.closed];
  if (protocolErrors + closed === 0) {
    const isOver = before.answers && nowMs - before.failedMs > FAILURES_GOOD_MS;
    return isOver ? { ...none, answers: true } : { ...before, seen: calls };
  }
  return {
    ...{ protocol, seen: calls, answers: before.answers, failedMs: nowMs },
    protocolErrors: before.protocolErrors + protocolErrors,
    closed: before.closed + closed,
  };
}

/** Undefined: the app answers, or too few calls have failed to say that it does not. */
export function mismatchIn(speech: Speech | undefined): Mismatch | undefined {
  if (speech === undefined) return undefined;
  const { answers, protocolErrors, closed } = speech;
  if (protocolErrors >= (answers ? PROVED : PROVED_SILENT)) return 'garbled';
  if (protocolErrors + closed < PROVED) return undefined;
  return protocolErrors > 0 ? 'garbled' : 'closed';
}

/** The protocol of the MeshService and the one to write instead, without a full stop. Short enough for the output of a check. */
export function mismatchSentence(port: number, protocol: Protocol, how: Mismatch): string {
  const spoken = protocol === 'http' ? 'HTTP/1.1' : 'HTTP/2 without TLS';
  const other = protocol === 'http' ? 'http2 or grpc if it speaks HTTP/2 alone' : 'http if it speaks HTTP/1.1';
  const said = `spec.protocol: ${protocol}`;
  if (how === 'closed')
    return `the app at port ${port} closes connections without an answer in ${spoken} (${said}): write ${other}, tcp if it speaks no HTTP, or have it listen without TLS`;
  return `the app at port ${port} does not answer in ${spoken} (${said}): write ${other}, tcp if it speaks no HTTP, or have it listen without TLS`;
}
