import { type Server, createServer, get } from 'node:http';

/** An app on loopback whose health and life a test holds in its hands. */
export interface App {
  port: number;
  healthy: boolean;
  /** Requests served on `/`. */
  served: number;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startApp(port: number, name: string): Promise<App> {
  let server: Server | undefined;
  const app: App = {
    port,
    healthy: true,
    served: 0,
    async stop() {
      const ending = server;
      server = undefined;
      await new Promise<void>((resolve) => {
        if (ending === undefined) return resolve();
        ending.close(() => resolve());
        ending.closeAllConnections();
      });
    },
    async start() {
      const starting = createServer((request, response) => {
        if (request.url === '/health') return void response.writeHead(app.healthy ? 200 : 503).end();
        app.served += 1;
        response.end(name);
      });
      await new Promise<void>((resolve, reject) => {
        starting.once('error', reject);
        starting.listen(port, '127.0.0.1', resolve);
      });
      server = starting;
    },
  };
  await app.start();
  return app;
}

/** The body of GET 127.0.0.1:PORT/; throws for any status but 200. */
export function call(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get({ host: '127.0.0.1', port, path: '/', agent: false, timeout: 5000 }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (body += part));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode} ${body}`)),
      );
    });
    asked.once('timeout', () => asked.destroy(new Error('timeout')));
    asked.once('error', reject);
  });
}

/** Calls again and again until it is stopped; gives the answers and the failures. */
export function callSteadily(
  port: number,
  everyMs: number,
): { stop(): Promise<{ answers: string[]; failures: string[] }> } {
  const answers: string[] = [];
  const failures: string[] = [];
  let going = true;
  const loop = (async () => {
    while (going) {
      await call(port).then(
        (body) => answers.push(body),
        (error: Error) => failures.push(error.message),
      );
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
      return { answers, failures };
    },
  };
}
