import { createServer } from 'node:http';

export interface ProbesOptions {
  port: number;
  /** `/healthz`: the process turns its loop. `/readyz`: undefined when ready, else why not. Consul counts for neither. */
  notReadyBecause: () => string | undefined;
  metrics: () => Promise<string>;
}

/** `/healthz`, `/readyz` and `/metrics` over plain HTTP, for the kubelet and for Prometheus. */
export async function serveProbes(options: ProbesOptions): Promise<{ port: number; close(): void }> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/healthz') return void response.end('ok\n');
    if (path === '/readyz') {
      const because = options.notReadyBecause();
      response.statusCode = because === undefined ? 200 : 503;
      return void response.end(`${because ?? 'ok'}\n`);
    }
    if (path === '/metrics') {
      return void options.metrics().then(
        (text) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(text),
        () => response.writeHead(500).end(),
      );
    }
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, () => resolve());
  });
  const { port } = server.address() as { port: number };
  return { port, close: () => void (server.close(), server.closeAllConnections()) };
}
