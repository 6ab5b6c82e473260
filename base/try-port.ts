import { createConnection } from 'node:net';

/** The result of a try. `unknown`: the fault is on this side. */
export type Tried = 'open' | 'closed' | 'unknown';

/** Errors that say nothing about the other side. */
const OWN_FAULTS = ['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EACCES', 'EPERM'];

/** Makes a connection and ends it at once, without a byte. Never rejects. A host that is said to be unreachable may be a policy's answer. */
export function tryPort(address: string, port: number, timeoutMs: number): Promise<Tried> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    const end = (tried: Tried): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(tried);
    };
    const timer = setTimeout(() => end('closed'), timeoutMs);
    socket.once('connect', () => end('open'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(OWN_FAULTS.includes(error.code ?? '') ? 'unknown' : 'closed'),
    );
  });
}
