import type { Server } from 'node:https';
import { type Socket, connect } from 'node:net';

export interface Forwarding {
  /** Ends the connections that were handed on. Their clients come again. */
  cut(): void;
}

const CONNECT_MS = 1000;

/**
 * While `leader` names another bridge, connections are handed on to it, byte by byte: TLS and client certificates go
 * through from end to end. So it does not matter which bridge a load balancer chooses, and one that stands by is ready.
 */
export function forwardToLeader(server: Server, leader: () => string | undefined): Forwarding {
  const handedOn = new Set<Socket>();
  // The handler of Node itself for a connection: the TLS handshake.
  const accept = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const to = leader();
    if (to === undefined) for (const listener of accept) listener.call(server, socket);
    else handOn(socket, to);
  });

  function handOn(socket: Socket, to: string): void {
    const colon = to.lastIndexOf(':');
    const host = to.slice(0, colon).replace(/^\[|\]$/g, '');
    const other = connect({ host, port: Number(to.slice(colon + 1)), noDelay: true });
    const late = setTimeout(() => other.destroy(), CONNECT_MS);
    other.once('connect', () => clearTimeout(late));
    const pair: [Socket, Socket][] = [
      [socket, other],
      [other, socket],
    ];
    for (const [from, into] of pair) {
      from.pipe(into);
      from.once('error', () => into.destroy());
      from.once('close', () => into.destroy());
    }
    handedOn.add(socket);
    socket.once('close', () => {
      clearTimeout(late);
      handedOn.delete(socket);
    });
  }

  return {
    cut() {
      for (const socket of handedOn) socket.destroy();
    },
  };
}
