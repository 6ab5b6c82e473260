import { request } from 'node:http';
import { ACCEPTED, COUNTERS, type ProxyCounters, readCounters } from '../../mesh/proxies/counters.ts';

/** Where the sidecar of a pod answers. */
export interface EnvoyAt {
  /** IPv4 or IPv6, without brackets. */
  address: string;
  port: number;
}

/** More than the counters of 1,000 refused upstreams. */
const MAX_BYTES = 1024 * 1024;

/**
 * Asks an Envoy what it counts of its updates, by the port that is open to scrapers. One that has refused nothing answers
 * with a few lines; the times of updates that were taken are asked for only where some were refused. Throws when no answer
 * comes within `timeoutMs`.
 */
export async function readEnvoyCounters(at: EnvoyAt, timeoutMs: number): Promise<ProxyCounters> {
  const signal = AbortSignal.timeout(timeoutMs);
  const text = await ask(at, COUNTERS, signal);
  const counters = readCounters(text);
  return counters.updates.length === 0 ? counters : readCounters(`${text}\n${await ask(at, ACCEPTED, signal)}`);
}

function ask({ address: host, port }: EnvoyAt, filter: string, signal: AbortSignal): Promise<string> {
  const path = `/stats/prometheus?usedonly&filter=${encodeURIComponent(filter)}`;
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, signal, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        body += part;
        if (body.length > MAX_BYTES) asked.destroy(new Error(`more than ${MAX_BYTES} bytes`));
      });
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve(body) : reject(new Error(`status ${answer.statusCode}`)),
      );
      answer.on('error', reject);
    });
    asked.once('error', reject);
    asked.end();
  });
}
