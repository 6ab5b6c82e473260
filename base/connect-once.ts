import { connect } from 'node:net';

/** `late`: the signal aborted before the other side said anything. Else the error of the system. */
export type Connected = 'connected' | 'late' | NodeJS.ErrnoException;

/** Makes one TCP connection and ends it at once, without a byte. Never rejects. */
export function connectOnce(
  { address, port }: { address: string; port: number },
  signal: AbortSignal,
): Promise<Connected> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (connected: Connected): void => {
      signal.removeEventListener('abort', late);
      socket.destroy();
      resolve(connected);
    };
    const late = (): void => end('late');
    socket.once('connect', () => end('connected'));
    socket.on('error', end);
    signal.addEventListener('abort', late, { once: true });
    if (signal.aborted) late();
  });
}
