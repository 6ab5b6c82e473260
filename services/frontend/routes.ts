import type { IncomingMessage } from 'node:http';
import { compute } from './compute.ts';
import { faultsAreOff, readFaultOrder, tryFault } from './fault.ts';
import { readBody } from './read-body.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';
import type { Settings } from './settings.ts';
import type { Upstream } from './upstream.ts';

/** A whole request, all its calls included; shorter than the api-gateway's patience, so that the cause is named here. */
const deadlineMs = 10_000;

export type Route = (request: IncomingMessage, left: AbortSignal) => Promise<Reply>;

/** Answers everything but the health path. `left` fires when the client is gone. */
export function routesFor(settings: Settings): Route {
  const upstream = (service: Upstream['service'], address: URL): Upstream => {
    return { service, address, timeoutMs: settings.upstreamTimeoutMs, retries: settings.upstreamRetries };
  };
  const add = upstream('add-svc', settings.addSvc);
  const sub = upstream('sub-svc', settings.subSvc);

  return async (request, left) => {
    const [path, query] = (request.url ?? '').split('?', 2);
    if (path !== '/api/v1/compute' && path !== '/api/v1/test/fault') {
      return errorReply(404, 'the frontend serves /api/v1/compute and /api/v1/test/fault');
    }
    if (request.method !== 'POST')
      return { ...errorReply(405, 'only POST is answered here'), headers: { allow: 'POST' } };
    const body = await readBody(request);
    if (body.kind === 'unreadable') return body.reply;
    const signal = AbortSignal.any([left, AbortSignal.timeout(deadlineMs)]);
    const headers = passedOn(request);

    if (path === '/api/v1/test/fault') {
      if (!settings.faults) return faultsAreOff();
      const order = readFaultOrder(body.kind === 'json' ? body.value : undefined);
      if (typeof order === 'string') return errorReply(400, order);
      return tryFault(order, order.service === 'add-svc' ? add : sub, headers, signal);
    }
    const expression = body.kind === 'text' ? body.text : expressionOf(body.value);
    if (expression === undefined)
      return errorReply(400, 'the body must be {"expression": "1+2"} or the expression itself as text');
    const trace = request.headers['x-trace'] === '1' || new URLSearchParams(query).get('trace') === '1';
    return compute(expression, { upstreams: { '+': add, '-': sub }, headers, signal, trace });
  };
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
