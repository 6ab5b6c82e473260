import { request } from 'node:http';
import { connect } from 'node:net';

import type { LocalCheckSpec } from '../mesh/check-spec.ts';

import { execCheck } from './check-exec.ts';
import { grpcCheck } from './check-grpc.ts';
import { codeOf, messageOf } from './problem.ts';
import type { CheckResult } from './check-result.ts';

/** Asks the app on 127.0.0.1 once. Never throws, and ends within `spec.timeoutMs`. */
export async function runCheck(spec: LocalCheckSpec, port: number): Promise<CheckResult> {
  const { timeoutMs } = spec;
  const signal = AbortSignal.timeout(timeoutMs);
  switch (spec.type) {
    case 'http':
      return httpCheck(spec.path, port, signal, timeoutMs);
    case 'tcp':
      return tcpCheck(port, signal, timeoutMs);
    case 'exec':
      return listensToo(await execCheck(spec.command, port, signal, timeoutMs), port, signal, timeoutMs);
    case 'grpc':
      return grpcCheck(spec.service, port, signal).catch((error: Error) => ({
        ok: false,
        output: `gRPC health 127.0.0.1:${port}: ${why(error, timeoutMs)}`,
      }));
  }
}

/** A command may pass while nobody is where the sidecar passes calls on; the other checks go there themselves. */
async function listensToo(
  result: CheckResult,
  port: number,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<CheckResult> {
  if (!result.ok) return result;
  const connected = await tcpCheck(port, signal, timeoutMs);
  return connected.ok ? result : { ok: false, output: `the command passes, but ${connected.output}: ${WHAT_TO_DO}` };
}

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
  if (codeOf(error) === 'ECONNREFUSED') return 'connection refused';
  return messageOf(error);
}
