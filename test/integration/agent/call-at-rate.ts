import { Agent, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface Calls {
  /** Stops, waits for what is under way, and tells. */
  stop(): Promise<{ answered: number; failures: string[] }>;
}

const PATIENCE_MS = 10_000;

/**
 * GET 127.0.0.1:PORT/ at a steady rate that does not depend on the answers. Every other call over a connection of its own, the rest
 * over connections that are kept: the two that a change of the server can break differ.
 */
export function callAtRate(port: number, perSecond: number): Calls {
  const kept = new Agent({ keepAlive: true, maxSockets: 20 });
  const began = performance.now();
  const failures: string[] = [];
  const underWay = new Set<Promise<void>>();
  let answered = 0;
  let stopped = false;

  const call = (agent: Agent | false): Promise<void> =>
    new Promise((resolve) => {
      const sentMs = Math.round(performance.now() - began);
      const failed = (why: string): void => void (failures.push(`at ${sentMs} ms: ${why}`), resolve());
      const asked = get({ host: '127.0.0.1', port, path: '/', agent, timeout: PATIENCE_MS }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (body += part));
        response.once('error', (error) => failed(error.message));
        response.once('end', () => {
          if (response.statusCode !== 200) return failed(`${response.statusCode} ${body}`);
          answered += 1;
          resolve();
        });
      });
      asked.once('timeout', () => asked.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
      asked.once('error', (error) => failed(error.message));
    });

  const loop = (async () => {
    for (let n = 1; !stopped; n += 1) {
      const one = call(n % 2 === 0 ? kept : false).finally(() => underWay.delete(one));
      underWay.add(one);
      // By the clock and not by a period: a late turn does not make the rate smaller.
      await delay(Math.max(0, began + (n * 1000) / perSecond - performance.now()));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await loop;
      await Promise.all(underWay);
      kept.destroy();
      return { answered, failures };
    },
  };
}
