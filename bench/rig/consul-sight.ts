import { Agent, request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { RealConsul } from '../../test/support/real/consul.ts';

interface SeenCheck {
  ServiceID: string;
  Status: string;
}

/**
 * Looks at Consul itself, past the gate, by blocking queries, so a change is seen when Consul sends it, not at the next turn of a poll.
 */
export interface ConsulSight {
  look(service: string, filter?: string): Promise<Look>;
  /**
   * Resolves when the checks of `service` are as `wanted` says. `filter` is Consul's own (`ServiceID == "web-1"`): it keeps
   * the answers small where the service is large. Throws at the deadline, in ms from now, default 60 000.
   */
  until(service: string, wanted: (checks: SeenCheck[]) => boolean, options?: SightOptions): Promise<void>;
  close(): void;
}

interface Look {
  /** From where `until` goes on. */
  index: string;
  checks: SeenCheck[];
}

interface SightOptions {
  filter?: string;
  /** The index of an earlier look. Then only the blocking query is asked, so the measured work is not disturbed. Default: look first. */
  index?: string;
  deadlineMs?: number;
  /**
   * Between two looks, default 0: where each answer holds hundreds of checks, looking without a rest takes CPU from the measured work. What is found is found up to this much later.
   */
  restMs?: number;
}

export function lookAtConsul(consul: RealConsul): ConsulSight {
  const [host, port] = consul.address.split(':');
  const agent = new Agent({ keepAlive: true, ca: consul.caPem, servername: consul.serverName });

  const ask = (path: string): Promise<Look> =>
    new Promise((resolve, reject) => {
      const headers = { 'x-consul-token': consul.token ?? '' };
      const asked = request({ host, port, agent, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode !== 200) return reject(new Error(`GET ${path}: ${response.statusCode} ${text}`));
          resolve({ index: String(response.headers['x-consul-index']), checks: JSON.parse(text) as SeenCheck[] });
        });
      });
      asked.on('error', reject);
      asked.end();
    });

  const look = (service: string, query: Record<string, string | undefined>): Promise<Look> => {
    const asked = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    return ask(`/v1/health/checks/${service}?${new URLSearchParams(asked)}`);
  };

  return {
    look: (service, filter) => look(service, { filter }),
    async until(service, wanted, { filter, index = '0', deadlineMs = 60_000, restMs = 0 } = {}) {
      const deadline = performance.now() + deadlineMs;
      for (;;) {
        const leftMs = deadline - performance.now();
        if (leftMs <= 0) throw new Error(`${service} in Consul: not as wanted within ${deadlineMs} ms`);
        // Without `wait` a query that nothing answers would block for five minutes.
        const seen = await look(service, { index, filter, wait: `${Math.ceil(leftMs)}ms` });
        if (wanted(seen.checks)) return;
        index = seen.index;
        if (restMs > 0) await delay(restMs);
      }
    },
    close: () => agent.destroy(),
  };
}
