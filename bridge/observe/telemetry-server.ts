import { type Server, createServer } from 'node:http';
import type { Registry } from 'prom-client';

/** Plain HTTP for the kubelet and for scrapers: /healthz, /readyz, /metrics. Readiness does not depend on Consul. */
export function createTelemetryServer(registry: Registry, ready: () => boolean): Server {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (request, response) => {
    const answer = (status: number, text: string, type = 'text/plain'): void => {
      response.writeHead(status, { 'content-type': type }).end(text);
    };
    if (request.url === '/healthz') answer(200, 'ok\n');
    else if (request.url === '/readyz') answer(ready() ? 200 : 503, ready() ? 'ok\n' : 'starting\n');
    else if (request.url === '/metrics') {
      registry.metrics().then(
        (text) => answer(200, text, registry.contentType),
        () => answer(500, 'metrics failed\n'),
      );
    } else answer(404, 'not found: /healthz, /readyz, /metrics\n');
  });
  server.maxConnections = 64;
  return server;
}
