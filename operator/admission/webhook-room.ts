import type { Server } from 'node:https';
import type { Socket } from 'node:net';

/**
 * Connections that one webhook holds at most. An API server has 600 requests under way by default (--max-requests-inflight and
 * --max-mutating-requests-inflight), and few of these requests make pods.
 */
export const MAX_CONNECTIONS = 768;
/** Requests in reading and answers in sending together, bytes. */
const ROOM_BYTES = 32 * 1024 * 1024;

/** One request from its start to its end. An API server needs milliseconds for it. */
interface Held {
  bytes: number;
  end(): void;
}

export interface Room {
  /** Accounts for the bytes of one request. When the room is full, the connection of the oldest request is closed. */
  enter(socket: Pick<Socket, 'destroy'>): Held & { hold(bytes: number): void };
}

export function webhookRoom(maxBytes = ROOM_BYTES): Room {
  const waiting = new Map<Held, Pick<Socket, 'destroy'>>();
  let total = 0;
  const cutOff = (held: Held): void => {
    waiting.get(held)?.destroy();
    held.end();
  };
  return {
    enter(socket) {
      const held = {
        bytes: 0,
        hold(bytes: number): void {
          if (!waiting.has(held)) return;
          held.bytes += bytes;
          total += bytes;
          for (const other of waiting.keys()) {
            if (total <= maxBytes) return;
            if (other !== held) cutOff(other);
          }
        },
        end(): void {
          if (waiting.delete(held)) total -= held.bytes;
        },
      };
      waiting.set(held, socket);
      return held;
    },
  };
}

/** Beyond the limit idle connections are closed, and then the oldest: nobody can keep the API server out by holding many. */
export function limitConnections(server: Server, max = MAX_CONNECTIONS): void {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (open.size <= max) return;
    server.closeIdleConnections();
    for (const oldest of open) {
      if (open.size <= max) return;
      open.delete(oldest);
      oldest.destroy();
    }
  });
}
