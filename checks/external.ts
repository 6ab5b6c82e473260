import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import type { CheckSpec } from '../mesh/outside/check-spec.ts';
import type { Health } from '../mesh/catalog/entry.ts';
import { askGrpcHealth } from './grpc-health.ts';

export interface ProbeResult {
  health: Health;
  /** One line. */
  output: string;
}

/** One active check of `address:port`. Never throws; gives an answer within the check's timeout. */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<ProbeResult>;

export interface ProbeTarget {
  address: string;
  port: number;
  check: CheckSpec;
}

/** HTTP: 2xx or 3xx passes, and no redirect is followed. TCP: a connection passes. gRPC: SERVING passes. A new connection each time. */
export const probe: Probe = async (target, signal) => {
  const { type, timeoutMs } = target.check;
  const until = new AbortController();
  const stop = (): void => until.abort(new Error('stopped'));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stop();
  }, timeoutMs);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    return await probeOnce(target, until.signal);
  } catch (error) {
    const why = late ? `no answer within ${timeoutMs} ms` : reason(error as NodeJS.ErrnoException);
    return { health: 'critical', output: `${type} check: ${why}` };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    // The rest of the connection goes with it.
    stop();
  }
};

function probeOnce(target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const { check } = target;
  switch (check.type) {
    case 'tcp':
      return tcp(target, signal);
    case 'http':
      return http(target, check.path, signal);
    case 'grpc':
      return grpc(target, check.service, signal);
  }
}

async function grpc({ address, port }: ProbeTarget, service: string, signal: AbortSignal): Promise<ProbeResult> {
  const authority = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const { ok, says } = await askGrpcHealth(authority, service, signal);
  return { health: ok ? 'passing' : 'critical', output: `grpc check: ${says}` };
}

const reason = (error: NodeJS.ErrnoException): string => error.code ?? error.message.slice(0, 200);

function tcp({ address, port }: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    signal.addEventListener('abort', () => socket.destroy(new Error('stopped')), { once: true });
    socket.on('connect', () => resolve({ health: 'passing', output: `tcp check: connected to port ${port}` }));
    socket.on('error', reject);
    if (signal.aborted) socket.destroy(new Error('stopped'));
  });
}

function http({ address, port }: ProbeTarget, path: string, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const headers = { 'user-agent': 'landbridge-check', connection: 'close' };
    const asked = request({ host: address, port, path, method: 'GET', headers, agent: false, signal });
    asked.once('response', (response: IncomingMessage) => {
      const status = response.statusCode ?? 0;
      // The status is the answer: a body without end must not hold a place in the pool.
      response.destroy();
      const health = status >= 200 && status < 400 ? 'passing' : 'critical';
      resolve({ health, output: `http check: GET ${path} answered ${status}` });
    });
    asked.on('error', reject);
    asked.end();
  });
}
