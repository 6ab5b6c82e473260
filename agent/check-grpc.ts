import { connect } from 'node:http2';

import { type HealthAnswer, healthHeaders, healthRequest, healthSaid } from '../mesh/grpc-health.ts';

import type { CheckResult } from './check.ts';

/** An answer is 7 bytes. */
const MAX_ANSWER_BYTES = 4096;

/** Asks the app on 127.0.0.1 for its health, over plain HTTP/2. Rejects without an answer. */
export function grpcCheck(service: string, port: number, signal: AbortSignal): Promise<CheckResult> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const fail = (error: Error): void => {
      session.destroy();
      reject(error);
    };
    signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
    session.on('error', fail);
    const call = session.request({ ...healthHeaders, ':authority': `127.0.0.1:${port}` });
    const answer: HealthAnswer = { status: 0, grpcStatus: undefined, grpcMessage: undefined, body: new Uint8Array() };
    const read = (headers: Record<string, unknown>): void => {
      answer.status = Number(headers[':status'] ?? answer.status);
      answer.grpcStatus = (headers['grpc-status'] as string | undefined) ?? answer.grpcStatus;
      answer.grpcMessage = (headers['grpc-message'] as string | undefined) ?? answer.grpcMessage;
    };
    call.once('response', read);
    call.once('trailers', read);
    // A refused connection is the cause of a cancelled call.
    call.on('error', (error: Error) => fail((error.cause as Error | undefined) ?? error));
    call.on('data', (piece: Buffer) => {
      if (answer.body.length < MAX_ANSWER_BYTES) answer.body = Buffer.concat([answer.body, piece]);
    });
    call.once('end', () => {
      session.destroy();
      const { ok, says } = healthSaid(answer);
      resolve({ ok, output: `gRPC health 127.0.0.1:${port}${service === '' ? '' : ` ${service}`}: ${says}` });
    });
    call.end(healthRequest(service));
  });
}
