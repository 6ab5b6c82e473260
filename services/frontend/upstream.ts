import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { startDeadline } from './deadline.ts';
import { parseServedBy } from './instance.ts';
import type { Instance } from './instance.ts';

/** A service that executes one operation. */
export interface Upstream {
  readonly service: 'add-svc' | 'sub-svc';
  readonly address: URL;
  /** For one attempt, connecting and reading included. */
  readonly timeoutMs: number;
  /** After a refused or reset connection: 0 or 1. */
  readonly retries: number;
}

export interface Call {
  readonly l: number;
  readonly r: number;
  /** Passed on with the call: a request id, a fault. */
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the call; the failure then says that the whole request ran out of time. */
  readonly signal: AbortSignal;
}

export type Outcome =
  | { readonly kind: 'result'; readonly result: number; readonly servedBy: Instance; readonly attempts: number }
  /** The service understood and refused (4xx), so a second try cannot help. */
  | { readonly kind: 'refused'; readonly error: string; readonly servedBy: Instance; readonly attempts: number }
  | {
      readonly kind: 'failed';
      readonly timedOut: boolean;
      readonly cause: string;
      readonly servedBy?: Instance;
      readonly attempts: number;
    };

const maxAnswerBytes = 16 * 1024;

/** Shared by all calls. Idle connections go after 30 s, long before Envoy (1 h) would close them under a request. */
const agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: 30_000 });

/** Never rejects: a failure is an outcome. */
export async function execute(upstream: Upstream, call: Call): Promise<Outcome> {
  for (let attempts = 1; ; attempts += 1) {
    const attempt = startDeadline(upstream.timeoutMs, call.signal);
    try {
      const { status, servedBy, body } = await get(upstream, call, attempt.signal);
      return { ...outcomeOf(status, servedBy, body), attempts };
    } catch (error) {
      const failure = error as NodeJS.ErrnoException;
      if (call.signal.aborted) return { ...timedOut('the whole request ran out of time'), attempts };
      if (attempt.passed()) return { ...timedOut(`no answer in ${upstream.timeoutMs} ms`), attempts };
      const again = attempts <= upstream.retries && (failure.code === 'ECONNREFUSED' || failure.code === 'ECONNRESET');
      if (!again) return { ...failureOf(failure, upstream), attempts };
    } finally {
      attempt.clear();
    }
  }
}

interface Answer {
  readonly status: number;
  readonly servedBy: Instance | undefined;
  readonly body: string;
}

async function get(upstream: Upstream, call: Call, signal: AbortSignal): Promise<Answer> {
  const url = new URL(`/api/v1/execute?l=${call.l}&r=${call.r}`, upstream.address);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { agent, signal, headers: call.headers }, resolve).on('error', reject).end();
  });
  let body = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    body += chunk;
    if (body.length > maxAnswerBytes) throw new Error(`the answer is longer than ${maxAnswerBytes} bytes`);
  }
  const signature = answer.headers['x-served-by'];
  return { status: answer.statusCode ?? 0, servedBy: parseServedBy(signature?.toString()), body };
}

type Judged = Outcome extends infer One ? (One extends Outcome ? Omit<One, 'attempts'> : never) : never;

function outcomeOf(status: number, servedBy: Instance | undefined, body: string): Judged {
  // Every service of the sample signs its answers, so one without a signature was made by a proxy on the way.
  if (!servedBy) return failed(`a proxy on the way answered ${status}: ${body.trim().slice(0, 200)}`);
  const fields = parseObject(body);
  if (status === 200 && Number.isSafeInteger(fields.result))
    return { kind: 'result', result: fields.result as number, servedBy };
  const error = typeof fields.error === 'string' ? fields.error : body.trim().slice(0, 200);
  if (status >= 400 && status < 500) return { kind: 'refused', error, servedBy };
  return { ...failed(`it answered ${status}: ${error}`), servedBy };
}

function failureOf(failure: NodeJS.ErrnoException, upstream: Upstream): Judged {
  if (failure.code === 'ECONNREFUSED') return failed(`connection to ${upstream.address.host} refused`);
  if (failure.code === 'ECONNRESET') return failed('the connection was closed before an answer came');
  return failed(failure.message || failure.code || failure.name);
}

function failed(cause: string): Extract<Judged, { kind: 'failed' }> {
  return { kind: 'failed', timedOut: false, cause };
}

function timedOut(cause: string): Judged {
  return { ...failed(cause), timedOut: true };
}

function parseObject(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
