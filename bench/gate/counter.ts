import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface CounterOptions {
  /** The face that the counter shows to the operator. */
  certPem: string;
  keyPem: string;
  /** The real Consul, on this machine. */
  consulPort: number;
  consulCaPem: string;
  serverName: string;
}

export interface Counter {
  port: number;
  /** Requests that came in, `PUT /v1/txn` and the like without query, in the order of their arrival; then forgets them. */
  take(): string[];
  /**
   * Lets `count` more requests of this kind (`PUT /v1/txn`) through and holds those after them: they reach Consul never,
   * and are answered never. Resolves when the first one is held. Other requests pass.
   */
  holdAfter(count: number, kind: string): Promise<void>;
  close(): Promise<void>;
}

/** Ends TLS, writes down each HTTP request, and asks the real Consul. It costs time: counts come from it, timings do not. */
export async function startCounter(options: CounterOptions): Promise<Counter> {
  const { certPem, keyPem, consulPort, consulCaPem, serverName } = options;
  const agent = new Agent({ keepAlive: true, ca: consulCaPem, servername: serverName });
  let seen: string[] = [];
  let hold: { kind: string; left: number; held: () => void } | undefined;

  const forward = (incoming: IncomingMessage, answer: ServerResponse): void => {
    const asked = `${incoming.method} ${incoming.url?.split('?')[0]}`;
    seen.push(asked);
    if (hold?.kind === asked && hold.left-- <= 0) return hold.held();
    const { method, url: path, headers } = incoming;
    const outgoing = request({ host: '127.0.0.1', port: consulPort, agent, method, path, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  };
  const server = createServer({ cert: certPem, key: keyPem }, forward);
  // Longer than any measure: an idle connection that is closed under the operator would show as a retry.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    take() {
      const taken = seen;
      seen = [];
      return taken;
    },
    holdAfter: (count, kind) => new Promise((held) => (hold = { kind, left: count, held })),
    close: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
