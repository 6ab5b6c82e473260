import { Agent, request } from 'node:http';
import type { LoadSettings, Shot } from './steady-load.ts';

/** The process of steady-load.ts: sends at a steady rate until standard input ends, then writes every shot as JSON. */
const settings = JSON.parse(process.argv[2]!) as LoadSettings;
const { host, port, headers = {}, perSecond } = settings;
const asks = settings.asks ?? [{ method: settings.method ?? 'GET', path: settings.path }];
const agent = new Agent({ keepAlive: true, maxSockets: 400 });
const shots: Promise<Shot>[] = [];
let going = true;

function shoot(): Promise<Shot> {
  const asked = asks[shots.length % asks.length]!;
  const sentAtMs = Date.now();
  const began = performance.now();
  return new Promise((resolve) => {
    const end = (status: number, servedBy = '', platform = ''): void =>
      resolve({ asked, sentAtMs, ms: performance.now() - began, status, servedBy, platform });
    const sent = request({ host, port, ...asked, headers, agent, timeout: 30_000 }, (answer) => {
      // service;instance;platform;host;address, as the sample signs its answers.
      const [, instance, platform, host] = String(answer.headers['x-served-by'] ?? '').split(';');
      answer.resume();
      answer.once('end', () => end(answer.statusCode ?? 0, `${instance}@${host}`, platform));
      answer.once('error', () => end(0));
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => end(0));
    sent.end();
  });
}

process.stdin.resume().once('end', () => (going = false));
process.stdout.write('started\n');
const began = performance.now();
while (going) {
  // The clock decides, so a late turn does not lower the rate.
  const due = Math.floor(((performance.now() - began) / 1000) * perSecond);
  while (shots.length < due) shots.push(shoot());
  await new Promise((resolve) => setTimeout(resolve, 5));
}
process.stdout.write(JSON.stringify(await Promise.all(shots)), () => process.exit(0));
