import { connectOnce } from './connect-once.ts';

/** The result of a try. `unknown`: the fault is on this side. */
export type Tried = 'open' | 'closed' | 'unknown';

/** Errors that say nothing about the other side. */
const OWN_FAULTS = ['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EACCES', 'EPERM'];

/** Whether a connection comes about. Never rejects. A host that is said to be unreachable may be a policy's answer. */
export async function tryPort(address: string, port: number, timeoutMs: number): Promise<Tried> {
  const connected = await connectOnce({ address, port }, AbortSignal.timeout(timeoutMs));
  if (connected === 'connected') return 'open';
  return connected !== 'late' && OWN_FAULTS.includes(connected.code ?? '') ? 'unknown' : 'closed';
}
