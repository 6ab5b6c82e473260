import type { Reply } from './reply.ts';
import { execute } from './upstream.ts';
import type { Outcome, Upstream } from './upstream.ts';

const kinds = ['error', 'delay', 'abort', 'exit'] as const;

export interface FaultOrder {
  readonly service: Upstream['service'];
  readonly kind: (typeof kinds)[number];
  /** Calls to make with the fault, 1 to 100; default 1. */
  readonly count: number;
  /** For `delay`: 1 to 5000, default 1000. */
  readonly delayMs: number;
  /** Only this instance fails; default: whichever is asked. */
  readonly instance?: string;
}

/** Reads the body of POST /api/v1/test/fault; a string says what is wrong with it. */
export function readFaultOrder(body: unknown): FaultOrder | string {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'the body must be a JSON object';
  const { service, kind, count = 1, delayMs = 1000, instance, ...unknown } = body as Record<string, unknown>;
  const strange = Object.keys(unknown)[0];
  if (strange !== undefined)
    return `${JSON.stringify(strange)} is not known: service, kind, count, delayMs, instance are`;
  if (service !== 'add-svc' && service !== 'sub-svc') return 'service must be "add-svc" or "sub-svc"';
  if (!kinds.includes(kind as FaultOrder['kind'])) return `kind must be one of ${kinds.join(', ')}`;
  if (!wholeNumber(count, 1, 100)) return 'count must be a whole number from 1 to 100';
  if (!wholeNumber(delayMs, 1, 5000)) return 'delayMs must be a whole number from 1 to 5000';
  if (instance !== undefined && !(typeof instance === 'string' && /^[A-Za-z0-9._:-]{1,253}$/.test(instance))) {
    return 'instance must be the name of an instance';
  }
  return { service, kind: kind as FaultOrder['kind'], count, delayMs, ...(instance === undefined ? {} : { instance }) };
}

/**
 * Makes `count` calls that fail on request and one that does not, and reports each. The answer is 200 whatever happened
 * to the calls; a report that runs out of time says how far it came.
 */
export async function tryFault(
  order: FaultOrder,
  upstream: Upstream,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Reply> {
  const target = order.instance === undefined ? '' : `;instance=${order.instance}`;
  const fault = { 'x-fault': `${order.kind};ms=${order.kind === 'delay' ? order.delayMs : 0}${target}` };
  const calls: Report[] = [];
  while (calls.length < order.count && !signal.aborted) {
    calls.push(await report(upstream, { ...headers, ...fault }, signal));
  }
  // An exit is followed by a restart, so the clean call comes at once, as a user's call would.
  const after = signal.aborted ? undefined : await report(upstream, headers, signal);
  return { status: 200, body: { ...order, ...summary(calls), after, calls } };
}

interface Report {
  readonly outcome: 'ok' | 'failed';
  readonly ms: number;
  readonly attempts: number;
  readonly instance?: string;
  readonly platform?: string;
  readonly cause?: string;
}

async function report(
  upstream: Upstream,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Report> {
  const startedMs = performance.now();
  const outcome = await execute(upstream, { l: 2, r: 1, headers, signal });
  const ms = Math.round(performance.now() - startedMs);
  const { servedBy, attempts } = outcome;
  const who = servedBy && { instance: servedBy.instance, platform: servedBy.platform };
  return { outcome: outcome.kind === 'result' ? 'ok' : 'failed', ms, attempts, ...who, ...causeOf(outcome) };
}

function causeOf(outcome: Outcome): { cause?: string } {
  if (outcome.kind === 'result') return {};
  return { cause: outcome.kind === 'failed' ? outcome.cause : outcome.error };
}

function summary(calls: readonly Report[]) {
  const succeeded = calls.filter((call) => call.outcome === 'ok').length;
  const retries = calls.reduce((sum, call) => sum + call.attempts - 1, 0);
  return { made: calls.length, succeeded, failed: calls.length - succeeded, retries };
}

function wholeNumber(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}
