import { type NetConnectOpts, type Socket, connect } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

export interface Exchange {
  to: NetConnectOpts;
  tls?: boolean;
  /** Sent one after the other, each on its own. */
  send: (string | Uint8Array)[];
  /** Between two of them, ms. */
  pauseMs?: number;
  /** Ends its own side after them, and listens on. */
  halfClose?: boolean;
  /** Ends the exchange when what came so far is enough. Default: when the other side closes. */
  until?: (received: Buffer) => boolean;
  /** It is ended by us then, ms. */
  patienceMs?: number;
}

/** One connection with any bytes. Gives the bytes that came back, and whether the other side closed it. */
export async function exchange(given: Exchange): Promise<{ received: Buffer; closed: boolean }> {
  const { to, tls, send, pauseMs = 0, halfClose, until, patienceMs = 30_000 } = given;
  const socket: Socket = tls
    ? connectTls({ ...(to as ConnectionOptions), ...{ allowHalfOpen: true }, rejectUnauthorized: false })
    : connect({ ...to, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  let closed = false;
  const over = new Promise<void>((resolve) => {
    const patience = setTimeout(resolve, patienceMs);
    const end = (): void => {
      clearTimeout(patience);
      resolve();
    };
    socket.on('error', () => undefined);
    socket.once('end', () => {
      closed = true;
      end();
    });
    socket.once('close', () => {
      closed = true;
      end();
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (until?.(Buffer.concat(chunks)) === true) end();
    });
  });
  for (const bytes of send) {
    if (socket.destroyed) break;
    socket.write(bytes);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  if (halfClose === true) socket.end();
  await over;
  socket.destroy();
  return { received: Buffer.concat(chunks), closed };
}

/** The status of the first HTTP answer; undefined when there is none. */
export const statusOf = (received: Buffer): number | undefined => {
  const [, status] =
    /^HTTP\/1\.1 (\d{3}) /.exec(received.toString('latin1').replace(/^HTTP\/1\.1 100 .*?\r\n\r\n/s, '')) ?? [];
  return status === undefined ? undefined : Number(status);
};
