/**
 * The gRPC health checking protocol, as far as a check needs it: one request message, one answer.
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md, framing: PROTOCOL-HTTP2.md beside it.
 */
const HEALTH_PATH = '/grpc.health.v1.Health/Check';

/** Headers of the call beside `:authority`. */
export const healthHeaders = {
  ':method': 'POST',
  ':scheme': 'http',
  ':path': HEALTH_PATH,
  'content-type': 'application/grpc',
  te: 'trailers',
  'user-agent': 'landbridge-check',
} as const;

/** HealthCheckRequest { string service = 1; }, framed. `service`: at most 255 bytes. */
export function healthRequest(service: string): Uint8Array {
  const name = new TextEncoder().encode(service);
  const length = name.length < 128 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  const message = name.length === 0 ? [] : [0x0a, ...length, ...name];
  return Uint8Array.from([0, 0, 0, message.length >> 8, message.length & 0xff, ...message]);
}

const STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export interface HealthAnswer {
  /** HTTP status. */
  status: number;
  /** `grpc-status` of headers or trailers; undefined without one. */
  grpcStatus: string | undefined;
  grpcMessage: string | undefined;
  body: Uint8Array;
}

/** The word of the app about itself, in short. */
export function healthSaid({ status, grpcStatus, grpcMessage, body }: HealthAnswer): { ok: boolean; says: string } {
  if (status !== 200) return { ok: false, says: `HTTP ${status}: it is no gRPC server` };
  if (grpcStatus === '12') return { ok: false, says: 'it has no health service (grpc.health.v1.Health)' };
  if (grpcStatus === '5') return { ok: false, says: 'its health service does not know that name' };
  if (grpcStatus !== undefined && grpcStatus !== '0') {
    return { ok: false, says: `gRPC status ${grpcStatus}${grpcMessage ? `: ${grpcMessage.slice(0, 200)}` : ''}` };
  }
  // HealthCheckResponse { ServingStatus status = 1; }: a default of 0 is left out.
  const serving = body.length === 7 && body[0] === 0 && body[5] === 0x08 ? body[6]! : 0;
  return { ok: serving === 1, says: STATUS[serving] ?? `status ${serving}` };
}
