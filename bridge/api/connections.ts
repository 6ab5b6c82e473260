import type { Socket } from 'node:net';
import type { HostIdentity } from '../certificates/authority.ts';

/** Open connections by the host that proved itself on them, so that a revocation cuts them. */
export interface Connections {
  note(host: HostIdentity, socket: Socket): void;
  /** Closes all connections of the host. Gives their number. */
  cut(host: HostIdentity): number;
}

/** Connections of one host. An agent has a handful. */
const MAX_OF_ONE = 64;

export function trackConnections(): Connections {
  const open = new Map<string, Set<Socket>>();
  const keyOf = ({ site, host }: HostIdentity): string => `${site}/${host}`;
  return {
    note(host, socket) {
      const key = keyOf(host);
      const sockets = open.get(key) ?? new Set();
      if (sockets.has(socket)) return;
      open.set(key, sockets.add(socket));
      // A Set keeps the order in which things came: the oldest goes.
      if (sockets.size > MAX_OF_ONE) sockets.values().next().value?.destroy();
      socket.once('close', () => {
        sockets.delete(socket);
        if (sockets.size === 0) open.delete(key);
      });
    },
    cut(host) {
      const sockets = [...(open.get(keyOf(host)) ?? [])];
      for (const socket of sockets) socket.destroy();
      return sockets.length;
    },
  };
}
