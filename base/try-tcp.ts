import { connectOnce } from './connect-once.ts';
import { codeOf, messageOf } from './problem.ts';

export interface TriedTcp {
  ok: boolean;
  /** The result, in a few words. */
  output: string;
}

const PATIENCE_MS = 2000;

/** A TCP connection, in words. Never throws. */
export async function tryTcp(at: { address: string; port: number }): Promise<TriedTcp> {
  const connected = await connectOnce(at, AbortSignal.timeout(PATIENCE_MS));
  if (connected === 'connected') return { ok: true, output: 'connected' };
  if (connected === 'late') return { ok: false, output: `no answer within ${PATIENCE_MS / 1000} s` };
  return { ok: false, output: codeOf(connected) ?? messageOf(connected).slice(0, 100) };
}
