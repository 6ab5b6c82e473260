import { Agent, request } from 'node:https';
import { conforms } from '../../support/conforms.ts';

export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed JSON; the text of another answer. */
  body: any; // eslint-disable-line @typescript-eslint/no-explicit-any
}

/** One kept-alive connection to a bridge, as an agent has it. An answer that the OpenAPI document does not allow is an error. */
export interface Client {
  send(method: string, path: string, body?: object | string, headers?: Record<string, string>): Promise<Reply>;
  post(path: string, body: object | string): Promise<Reply>;
  /** Whether the connection of the last request is open. */
  connected(): boolean;
  close(): void;
}

export function openClient(to: { port: number; caPem: string; certificate?: string; key?: string }): Client {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: to.caPem,
    cert: to.certificate,
    key: to.key,
    servername: 'landbridge-bridge',
  });
  const open = new Set<object>();
  const client: Client = {
    send: (method, path, body, given = {}) =>
      new Promise((resolve, reject) => {
        const text = typeof body === 'object' ? JSON.stringify(body) : body;
        // Node announces no body for GET and DELETE by itself.
        const length = { 'content-length': String(Buffer.byteLength(text ?? '')) };
        const headers = 'transfer-encoding' in given ? given : { ...length, ...given };
        const asked = request({ host: '127.0.0.1', port: to.port, method, path, agent, headers }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            const said = Buffer.concat(chunks).toString('utf8');
            const reply = { status: response.statusCode ?? 0, headers: response.headers, body: parsed(said) };
            try {
              conforms(method, path, reply.status, reply.body);
            } catch (error) {
              return reject(error as Error);
            }
            resolve(reply);
          });
        });
        asked.once('socket', (socket) => {
          if (open.has(socket)) return;
          open.add(socket);
          socket.once('close', () => open.delete(socket));
        });
        asked.once('error', reject);
        asked.end(text);
      }),
    post: (path, body) => client.send('POST', path, body),
    connected: () => open.size > 0,
    close: () => agent.destroy(),
  };
  return client;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
