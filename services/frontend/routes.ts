import type { IncomingMessage } from 'node:http';
import { compute } from './compute.ts';
import { startDeadline } from './deadline.ts';
import { readFaultOrder, tryFault } from './fault.ts';
import { readBody } from './read-body.ts';
import type { Body } from './read-body.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';
import type { Settings } from './settings.ts';
import type { Upstream } from './upstream.ts';

/** A whole request, all its calls included; shorter than the api-gateway's patience, so that the cause is named here. */
const deadlineMs = 10_000;

export type Route = (request: IncomingMessage, left: AbortSignal) => Promise<Reply>;

type ReadableBody = Exclude<Body, { kind: 'unreadable' }>;

interface Services {
  readonly add: Upstream;
  readonly sub: Upstream;
  readonly faults: boolean;
}

/** Answers everything but the health path. `left` fires when the client is gone. */
export function routesFor(settings: Settings): Route {
  const { upstreamTimeoutMs: timeoutMs, upstreamRetries: retries, faults } = settings;
  const add: Upstream = { service: 'add-svc', address: settings.addSvc, timeoutMs, retries };
  const sub: Upstream = { service: 'sub-svc', address: settings.subSvc, timeoutMs, retries };

  return async (request, left) => {
    const [path, query] = (request.url ?? '').split('?', 2);
    if (path !== '/api/v1/compute' && path !== '/api/v1/test/fault') {
      return errorReply(404, 'the frontend serves /api/v1/compute and /api/v1/test/fault');
    }
    if (request.method !== 'POST')
      return { ...errorReply(405, 'only POST is answered here'), headers: { allow: 'POST' } };
    const body = await readBody(request);
    if (body.kind === 'unreadable') return body.reply;
    const deadline = startDeadline(deadlineMs, left);
    try {
      if (path === '/api/v1/test/fault') return await answerFault({ add, sub, faults }, request, body, deadline.signal);
      const trace = request.headers['x-trace'] === '1' || new URLSearchParams(query).get('trace') === '1';
      return await answerCompute({ add, sub, faults }, request, body, deadline.signal, trace);
    } finally {
      deadline.clear();
    }
  };
}

async function answerCompute(
  { add, sub }: Services,
  request: IncomingMessage,
  body: ReadableBody,
  signal: AbortSignal,
  trace: boolean,
): Promise<Reply> {
  const expression = body.kind === 'text' ? body.text : expressionOf(body.value);
  if (expression === undefined) {
    return errorReply(400, 'the body must be {"expression": "1+2"} or the expression itself as text');
  }
  return compute(expression, { upstreams: { '+': add, '-': sub }, headers: passedOn(request), signal, trace });
}

async function answerFault(
  { add, sub, faults }: Services,
  request: IncomingMessage,
  body: ReadableBody,
  signal: AbortSignal,
): Promise<Reply> {
  if (!faults) return errorReply(403, 'faults are off here: start the frontend with FAULTS=on');
  const order = readFaultOrder(body.kind === 'json' ? body.value : undefined);
  if (typeof order === 'string') return errorReply(400, order);
  return tryFault(order, order.service === 'add-svc' ? add : sub, passedOn(request), signal);
}

function expressionOf(value: unknown): string | undefined {
  const expression =
    typeof value === 'object' && value !== null ? (value as { expression?: unknown }).expression : undefined;
  return typeof expression === 'string' ? expression : undefined;
}

/** A caller's X-Fault stays here: only POST /api/v1/test/fault makes one. */
function passedOn(request: IncomingMessage): Record<string, string> {
  const names = ['x-request-id', 'traceparent', 'tracestate'];
  return Object.fromEntries(
    names.flatMap((name) => (request.headers[name] ? [[name, request.headers[name].toString()]] : [])),
  );
}
