import { askGrpcHealth } from './grpc-health.ts';

import type { CheckResult } from './result.ts';

/** Asks the app on 127.0.0.1 for its health. Rejects without an answer. */
export async function grpcCheck(service: string, port: number, signal: AbortSignal): Promise<CheckResult> {
  const { ok, says } = await askGrpcHealth(`127.0.0.1:${port}`, service, signal);
  return { ok, output: `gRPC health 127.0.0.1:${port}${service === '' ? '' : ` ${service}`}: ${says}` };
}
