import { TRIAL_ADDRESS } from '../../mesh/doors/nft-table.ts';

import { connectOnce } from '../../base/connect-once.ts';
import { codeOf } from '../../base/problem.ts';

export type Door = 'closed' | 'open' | 'unknown';

const PATIENCE_MS = 1000;

/**
 * Whether the rules in force close the port: see TRIAL_ADDRESS. It needs no right, and sees at once when somebody has taken
 * the rules away. `unknown`: another rule of the machine swallows the trial. Where the rules are gone, an app that listens
 * on all addresses sees a connection that ends at once.
 */
export async function tryDoor(port: number, at = TRIAL_ADDRESS): Promise<Door> {
  const connected = await connectOnce({ address: at, port }, AbortSignal.timeout(PATIENCE_MS));
  if (connected === 'connected') return 'open';
  const code = connected === 'late' ? undefined : codeOf(connected);
  return code === 'EHOSTUNREACH' ? 'closed' : code === 'ECONNREFUSED' || code === 'ECONNRESET' ? 'open' : 'unknown';
}
