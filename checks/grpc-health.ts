import { connect } from 'node:http2';
import { type HealthAnswer, healthHeaders, healthRequest, healthSaid } from '../mesh/outside/grpc-health.ts';

/** An answer is 7 bytes. */
const MAX_ANSWER_BYTES = 4096;

/** Asks an app for its health, over plain HTTP/2 to `authority` (`host:port`). Rejects without an answer, and with the reason of `signal` when that aborts. */
export function askGrpcHealth(
  authority: string,
  service: string,
  signal: AbortSignal,
): Promise<{ ok: boolean; says: string }> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://${authority}`);
    const fail = (error: Error): void => {
      session.destroy();
      reject(error);
    };
    signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
    session.on('error', fail);
    const call = session.request({ ...healthHeaders, ':authority': authority });
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
      resolve(healthSaid(answer));
    });
    call.end(healthRequest(service));
  });
}
