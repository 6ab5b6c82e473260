import type { LocalCheckSpec } from '../mesh/outside/check-spec.ts';

import { execCheck } from './exec.ts';
import { grpcCheck } from './grpc.ts';
import { askHttp } from './http.ts';
import { connectOnce } from '../base/connect-once.ts';
import { codeOf, messageOf } from '../base/problem.ts';
import { listeningElsewhere, readSockets } from '../base/proc-net.ts';
import type { CheckResult } from './result.ts';

/** Asks the app on 127.0.0.1 once. Never throws, and ends within `spec.timeoutMs`. */
export async function runCheck(spec: LocalCheckSpec, port: number): Promise<CheckResult> {
  try {
    return await runOnce(spec, port);
  } catch (error) {
    // Node refuses some requests and programs before it starts them: a path with a space, a program that is being written.
    return { ok: false, output: `${spec.type} check: ${messageOf(error)}` };
  }
}

async function runOnce(spec: LocalCheckSpec, port: number): Promise<CheckResult> {
  const { timeoutMs } = spec;
  const signal = AbortSignal.timeout(timeoutMs);
  switch (spec.type) {
    case 'http':
      return spec.port === undefined || spec.port === port
        ? placed(await httpCheck(spec.path, port, signal, timeoutMs), port)
        : listensToo(
            await placed(await httpCheck(spec.path, spec.port, signal, timeoutMs), spec.port),
            { port, what: `port ${spec.port} is well` },
            signal,
            timeoutMs,
          );
    case 'tcp':
      return placed(await tcpCheck(port, signal, timeoutMs), port);
    case 'exec':
      return listensToo(
        await execCheck(spec.command, port, signal, timeoutMs),
        { port, what: 'the command passes' },
        signal,
        timeoutMs,
      );
    case 'grpc':
      return placed(
        await grpcCheck(spec.service, port, signal).catch((error: Error) => ({
          ok: false,
          output: `gRPC health 127.0.0.1:${port}: ${why(error, timeoutMs)}`,
        })),
        port,
      );
  }
}

/** A command or another port may be well while nobody is where the sidecar passes calls on; the other checks go there themselves. */
async function listensToo(
  result: CheckResult,
  { port, what }: { port: number; what: string },
  signal: AbortSignal,
  timeoutMs: number,
): Promise<CheckResult> {
  if (!result.ok) return result;
  const connected = await placed(await tcpCheck(port, signal, timeoutMs), port);
  if (connected.ok) return result;
  const advice = connected.output.endsWith(REFUSED) ? `: ${WHAT_TO_DO}` : '';
  return { ok: false, output: `${what}, but ${connected.output}${advice}` };
}

/** Names the addresses on which an app listens that 127.0.0.1 does not reach: such an app looks well to its owner. */
async function placed(result: CheckResult, port: number): Promise<CheckResult> {
  if (result.ok || !result.output.endsWith(REFUSED)) return result;
  const elsewhere = listeningElsewhere(await readSockets(), port);
  if (elsewhere.length === 0) return result;
  const where = `${elsewhere.slice(0, MAX_NAMED).join(', ')}, and the sidecar calls 127.0.0.1`;
  return { ok: false, output: `${result.output}: an app listens on ${where}: let it listen on 127.0.0.1 or 0.0.0.0` };
}

const MAX_NAMED = 4;
const REFUSED = 'connection refused';

const WHAT_TO_DO = 'give the port that the app listens on, or have it listen on 127.0.0.1 or 0.0.0.0';

async function httpCheck(path: string, port: number, signal: AbortSignal, timeoutMs: number): Promise<CheckResult> {
  const what = `GET 127.0.0.1:${port}${path.replace(/[\x00-\x1f\x7f]+/g, ' ')}`;
  try {
    const { ok, status, statusMessage } = await askHttp({ host: '127.0.0.1', port, path }, signal);
    return { ok, output: `${what}: ${status} ${statusMessage}` };
  } catch (error) {
    return { ok: false, output: `${what}: ${why(error as Error, timeoutMs)}` };
  }
}

async function tcpCheck(port: number, signal: AbortSignal, timeoutMs: number): Promise<CheckResult> {
  const what = `TCP 127.0.0.1:${port}`;
  const connected = await connectOnce({ address: '127.0.0.1', port }, signal);
  if (connected === 'connected') return { ok: true, output: `${what}: connected` };
  return { ok: false, output: `${what}: ${connected === 'late' ? late(timeoutMs) : why(connected, timeoutMs)}` };
}

const late = (timeoutMs: number): string => `no answer within ${timeoutMs} ms`;

function why(error: Error, timeoutMs: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return late(timeoutMs);
  if (codeOf(error) === 'ECONNREFUSED') return REFUSED;
  return messageOf(error);
}
