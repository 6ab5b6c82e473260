import { once } from 'node:events';
import { type IncomingHttpHeaders, type Server, createServer, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface StreamingApp {
  port: number;
  close(): void;
}

/**
 * An app whose answers take their time:
 *
 * | request                    | answer                                                                    |
 * |----------------------------|---------------------------------------------------------------------------|
 * | /slow?ms=N                 | `done`, N milliseconds later                                              |
 * | /events?count=N&ms=M       | a stream of N events, one every M milliseconds; the first comes at once   |
 * | any, with an Upgrade       | a connection that gives back whatever comes, after `hello`                |
 * | /                          | `ok`                                                                      |
 */
export async function startStreamingApp(port = 0): Promise<StreamingApp> {
  const open = new Set<Socket>();
  const server: Server = createServer((asked, response) => {
    const { pathname, searchParams } = new URL(asked.url ?? '/', 'http://app');
    const number = (name: string) => Number(searchParams.get(name));
    if (pathname === '/slow') return void setTimeout(() => response.end('done'), number('ms'));
    if (pathname !== '/events') return void response.end('ok');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let sent = 0;
    const send = (): void => {
      response.write(`data: ${(sent += 1)}\n\n`);
      if (sent < number('count')) return;
      clearInterval(timer);
      response.end();
    };
    const timer = setInterval(send, number('ms'));
    response.once('close', () => clearInterval(timer));
    send();
  });
  server.on('connection', (socket) => open.add(socket).size && socket.once('close', () => open.delete(socket)));
  server.on('upgrade', (_asked, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello');
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

export interface Got {
  /** 0: no answer came. */
  status: number;
  body: string;
  /** The answer came to its end. */
  whole: boolean;
  ms: number;
}

/** One request on a connection of its own; never throws. */
export function get(port: number, path: string, headers: IncomingHttpHeaders = {}): Promise<Got> {
  const began = performance.now();
  let body = '';
  return new Promise((resolve) => {
    const end = (status: number, whole: boolean) => resolve({ status, body, whole, ms: performance.now() - began });
    const sent = request({ host: '127.0.0.1', port, path, headers, agent: false }, (answer) => {
      answer.on('data', (part: Buffer) => (body += part.toString()));
      answer.once('end', () => end(answer.statusCode ?? 0, answer.complete));
      answer.once('error', () => end(answer.statusCode ?? 0, false));
    });
    sent.once('error', () => end(0, false));
    sent.end();
  });
}

export interface Upgraded {
  /** Sends a text and gives what came back of it within a second; undefined when the connection is over. */
  echo(text: string): Promise<string | undefined>;
  /** Milliseconds from the upgrade to its end, while it lasted. */
  ended: Promise<number>;
  close(): void;
}

/** An open WebSocket, without its frames: no proxy looks at those. */
export function upgrade(port: number, headers: IncomingHttpHeaders = {}): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const asked = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', ...headers };
    const sent = request({ host: '127.0.0.1', port, path: '/socket', headers: asked, agent: false });
    sent.once('response', ({ statusCode }) => reject(new Error(`no upgrade: ${statusCode}`)));
    sent.once('error', reject);
    sent.once('upgrade', (_answer, socket) => {
      const began = performance.now();
      const ended = new Promise<number>((over) => socket.once('close', () => over(performance.now() - began)));
      socket.on('error', () => socket.destroy());
      let came = '';
      socket.on('data', (part: Buffer) => (came += part.toString()));
      const echo = async (text: string): Promise<string | undefined> => {
        came = '';
        socket.write(text);
        const deadline = performance.now() + 1000;
        while (came.length < text.length && performance.now() < deadline && !socket.destroyed) {
          await new Promise((later) => setTimeout(later, 10));
        }
        return socket.destroyed || came.length < text.length ? undefined : came;
      };
      resolve({ echo, ended, close: () => void socket.destroy() });
    });
    sent.end();
  });
}
