import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Many agents in one process: each has a certificate and a connection of its own, and beats three times a lease, as
 * agents do. Started by main.ts with the path of what it needs; prints the milliseconds of each beat of the window.
 */
export interface Crowd {
  port: number;
  caPem: string;
  beatMs: number;
  warmUpMs: number;
  windowMs: number;
  agents: { certificate: string; key: string; body: string }[];
}

const { port, caPem, beatMs, warmUpMs, windowMs, agents } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Crowd;
const startedMs = performance.now();
const tookMs: number[] = [];
let failed = 0;

function beat(agent: Agent, body: string): Promise<void> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const asked = request({ host: '127.0.0.1', port, agent, method: 'POST', path: '/v1/beat', headers }, (response) => {
      if (response.statusCode !== 200) failed += 1;
      response.resume();
      response.once('end', resolve);
    });
    asked.once('error', () => {
      failed += 1;
      resolve();
    });
    asked.end(body);
  });
}

await Promise.all(
  agents.map(async ({ certificate, key, body }, index) => {
    const agent = new Agent({
      keepAlive: true,
      maxSockets: 1,
      ca: caPem,
      cert: certificate,
      key,
      servername: 'landbridge-bridge',
    });
    // All handshakes in the first half of the warm-up, and the beats spread over the interval.
    await sleep((index / agents.length) * (warmUpMs / 2));
    while (performance.now() - startedMs < warmUpMs + windowMs) {
      const sentMs = performance.now();
      await beat(agent, body);
      if (sentMs - startedMs > warmUpMs) tookMs.push(performance.now() - sentMs);
      await sleep(Math.max(0, beatMs * (0.9 + 0.1 * Math.random()) - (performance.now() - sentMs)));
    }
    agent.destroy();
  }),
);
process.stdout.write(JSON.stringify({ tookMs, failed }));
