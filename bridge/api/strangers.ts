import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Connections of those who have shown no certificate of ours, at a time; the others are for members. */
const MAX_STRANGERS = 1024;

interface Stranger {
  socket: Socket;
  address: string;
  /** Requests that are being answered. */
  busy: number;
}

/**
 * Keeps places for members: when too many strangers are connected, the one that came first of the address with the most
 * goes, and one that is being answered after all others. No new connection is refused for them, because nobody knows yet
 * who comes with it: it takes a handshake to become a member.
 */
export function limitStrangers(server: Server, isMember: (socket: TLSSocket) => boolean, max = MAX_STRANGERS): void {
  /** In the order in which they came. */
  const strangers = new Map<string, Stranger>();
  const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    const stranger = { socket, address: socket.remoteAddress ?? '', busy: 0 };
    strangers.set(key, stranger);
    socket.once('close', () => strangers.get(key) === stranger && strangers.delete(key));
    if (strangers.size > max) leastOf([...strangers.values()])?.socket.destroy();
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (isMember(socket)) strangers.delete(keyOf(socket));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const stranger = strangers.get(keyOf(request.socket));
    if (stranger === undefined) return;
    stranger.busy += 1;
    response.once('close', () => (stranger.busy -= 1));
  });
}

function leastOf(all: Stranger[]): Stranger | undefined {
  const count = new Map<string, number>();
  for (const { address } of all) count.set(address, (count.get(address) ?? 0) + 1);
  const rank = ({ address, busy }: Stranger): number => count.get(address)! - (busy > 0 ? all.length : 0);
  // The newest has just come and may be a member.
  const [first, ...others] = all.slice(0, -1);
  return others.reduce((least, one) => (rank(one) > rank(least!) ? one : least), first);
}
