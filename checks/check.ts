import { request } from 'node:http';
import { connect } from 'node:net';

import type { LocalCheckSpec } from '../mesh/outside/check-spec.ts';

import { execCheck } from './exec.ts';
import { grpcCheck } from './grpc.ts';
import { codeOf, messageOf } from '../base/problem.ts';
import { listeningElsewhere, readSockets } from '../base/proc-net.ts';
import type { CheckResult } from './result.ts';

/** Asks the app on 127.0.0.1 once. Never throws, and ends within `spec.timeoutMs`. */
export async function runCheck(spec: LocalCheckSpec, port: number): Promise<CheckResult> {
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

function httpCheck(path: string, port: number, signal: AbortSignal, timeoutMs: number): Promise<CheckResult> {
  const what = `GET 127.0.0.1:${port}${path}`;
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path, signal, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      // The status is the answer; a large or endless body is not waited for.
      asked.destroy();
      resolve({ ok: status >= 200 && status < 400, output: `${what}: ${status} ${response.statusMessage}` });
    });
    asked.once('error', (error) => resolve({ ok: false, output: `${what}: ${why(error, timeoutMs)}` }));
    asked.end();
  });
}

function tcpCheck(port: number, signal: AbortSignal, timeoutMs: number): Promise<CheckResult> {
  const what = `TCP 127.0.0.1:${port}`;
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (result: CheckResult): void => {
      signal.removeEventListener('abort', late);
      socket.destroy();
      resolve(result);
    };
    const late = (): void => end({ ok: false, output: `${what}: no answer within ${timeoutMs} ms` });
    signal.addEventListener('abort', late);
    socket.once('connect', () => end({ ok: true, output: `${what}: connected` }));
    socket.once('error', (error) => end({ ok: false, output: `${what}: ${why(error, timeoutMs)}` }));
  });
}

function why(error: Error, timeoutMs: number): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  if (codeOf(error) === 'ECONNREFUSED') return REFUSED;
  return messageOf(error);
}
