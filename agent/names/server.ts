import { createSocket } from 'node:dgram';
import { type EventEmitter, once } from 'node:events';
import { type Socket, createServer } from 'node:net';

import type { Clock } from '../../base/clock.ts';
import { codeOf, messageOf } from '../../base/problem.ts';
import type { Address } from '../machine/address.ts';

/** Answers one DNS message; undefined: not at all. Never rejects. */
export type Answering = (query: Buffer, way: 'udp' | 'tcp') => Promise<Buffer | undefined>;

const MAX_CONNECTIONS = 64;
const IDLE_MS = 5000;
const AGAIN_MS = 5000;

export interface NameServer {
  /** Why it does not listen; undefined: it does. */
  problem(): string | undefined;
}

/** Listens on UDP and TCP until the signal is aborted. A port that is taken is tried again for as long as it takes. */
export function serveNames(at: Address, answer: Answering, clock: Clock, signal: AbortSignal): NameServer {
  let problem: string | undefined = 'it is about to listen';
  void (async () => {
    while (!signal.aborted) {
      const ending = new AbortController();
      const end = (): void => ending.abort();
      signal.addEventListener('abort', end, { once: true });
      try {
        const both = await Promise.all([listenUdp(at, answer, ending.signal), listenTcp(at, answer, ending.signal)]);
        problem = undefined;
        problem = await Promise.race([...both.map(({ ended }) => ended), aborted(signal)]);
      } catch (error) {
        problem = codeOf(error) === 'EADDRINUSE' ? `something else listens on ${at.host}:${at.port}` : messageOf(error);
      }
      end();
      signal.removeEventListener('abort', end);
      await clock.wait(AGAIN_MS, signal);
    }
  })();
  return { problem: () => problem };
}

interface Listening {
  /** Resolves, with the reason, when it stops listening. */
  ended: Promise<string>;
}

async function listenUdp({ host, port }: Address, answer: Answering, signal: AbortSignal): Promise<Listening> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (query, from) => {
    void answer(query, 'udp').then((message) => {
      // To one that is gone already nothing is sent, and the socket may be closed by now. Nobody is at port 0.
      if (message === undefined || signal.aborted || from.port === 0) return;
      socket.send(message, from.port, from.address, () => undefined);
    });
  });
  // A waiting caller gets the error. A second one may have no caller.
  socket.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    signal.addEventListener('abort', () => socket.close(), { once: true });
    socket.bind(port, host, () => resolve({ ended: failed(socket) }));
  });
}

async function listenTcp({ host, port }: Address, answer: Answering, signal: AbortSignal): Promise<Listening> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // Nobody can keep others out by holding many: the oldest goes.
    for (const oldest of open) {
      if (open.size <= MAX_CONNECTIONS) break;
      open.delete(oldest);
      oldest.destroy();
    }
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    void converse(socket, answer);
  });
  server.on('error', () => undefined);
  signal.addEventListener('abort', () => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve({ ended: failed(server) }));
  });
}

const failed = (from: EventEmitter): Promise<string> =>
  new Promise((resolve) => from.once('error', (error: Error) => resolve(error.message)));

const aborted = (signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve('it has ended'), { once: true }));

/** Messages with two bytes of length before each, answered one after the other (RFC 7766). */
async function converse(socket: Socket, answer: Answering): Promise<void> {
  let held = Buffer.alloc(0);
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  try {
    for await (const chunk of socket) {
      held = Buffer.concat([held, chunk as Buffer]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const length = held.readUInt16BE(0);
        const message = await answer(held.subarray(2, 2 + length), 'tcp');
        held = held.subarray(2 + length);
        if (message === undefined) return void socket.destroy();
        const head = Buffer.alloc(2);
        head.writeUInt16BE(message.length);
        // A client that does not read its answers gets no further ones, and is cut off in the end.
        if (!socket.write(Buffer.concat([head, message]))) await once(socket, 'drain', { signal: gone.signal });
      }
    }
  } catch {
    // It hung up; there is nobody to tell.
  }
}
