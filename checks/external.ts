import { connectOnce } from '../base/connect-once.ts';
import { hostPort } from '../base/host-port.ts';
import type { CheckSpec } from '../mesh/outside/check-spec.ts';
import type { Health } from '../mesh/catalog/entry.ts';
import { askGrpcHealth } from './grpc-health.ts';
import { askHttp } from './http.ts';

export interface ProbeResult {
  health: Health;
  /** One line. */
  output: string;
}

/** One active check of `address:port`. Never throws; gives an answer within the check's timeout. */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<ProbeResult>;

interface ProbeTarget {
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
  const authority = hostPort(address, port);
  const { ok, says } = await askGrpcHealth(authority, service, signal);
  return { health: ok ? 'passing' : 'critical', output: `grpc check: ${says}` };
}

const reason = (error: NodeJS.ErrnoException): string => error.code ?? error.message.slice(0, 200);

async function tcp({ address, port }: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const connected = await connectOnce({ address, port }, signal);
  if (connected === 'connected') return { health: 'passing', output: `tcp check: connected to port ${port}` };
  throw connected === 'late' ? new Error('stopped') : connected;
}

async function http({ address, port }: ProbeTarget, path: string, signal: AbortSignal): Promise<ProbeResult> {
  const headers = { 'user-agent': 'landbridge-check', connection: 'close' };
  const { ok, status } = await askHttp({ host: address, port, path, headers }, signal);
  return { health: ok ? 'passing' : 'critical', output: `http check: GET ${path} answered ${status}` };
}
