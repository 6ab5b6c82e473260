import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pino from 'pino';
import { makeKey, makeRequest } from '../../agent/state/certificate.ts';
import type { ServiceFacts } from '../../bridge/admission.ts';
import { openAuthority } from '../../bridge/certificates/authority.ts';
import { readCertificateRequest } from '../../bridge/certificates/request.ts';
import { startBridge } from '../../bridge/start.ts';
import { systemClock } from '../../base/clock.ts';
import { createAuthority } from '../../clients/pki/authority.ts';
import { startConsul } from '../../test/support/real/consul.ts';
import type { Crowd } from './agents.ts';

/**
 * `npm run bench:bridge`: one bridge, in this process, on a real Consul; 2,000 agents at a lease of 6 s in another.
 * Prints the share of a core, the memory and the time of a beat. AGENTS and SECONDS change its size. Not in CI.
 */
const AGENTS = Number(process.env['AGENTS'] ?? 2000);
const WINDOW_MS = Number(process.env['SECONDS'] ?? 30) * 1000;
const WARM_UP_MS = 30_000;
const LEASE_MS = 6000;

const consul = await startConsul({});
const ca = await createAuthority('Landbridge bridge CA', { nowMs: Date.now(), days: 1 });
const authority = openAuthority(ca.certPem, ca.keyPem);
const facts: ServiceFacts = {
  ...{ namespace: 'shop', name: 'web', service: 'web', protocol: 'http', upstreams: [], sites: ['rack-1'] },
  ...{ holds: true, deleting: false, createdAt: '2026-01-01T00:00:00Z' },
} as unknown as ServiceFacts;
const stop = new AbortController();
const running = await startBridge(
  {
    consul: consul.connect(),
    meshServices: { hasSynced: true, by: () => [facts] },
    authority,
    signingKeyPem: generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString(),
    consulAccess: { grpc: ['127.0.0.1:8503'], serverName: 'server.dc1.consul', datacenter: 'dc1', caPem: ca.certPem },
    advertise: ['127.0.0.1:1'],
    namespace: 'landbridge',
    leaseMs: LEASE_MS,
    deregisterAfterMs: 3_600_000,
    port: 0,
    listenOn: '127.0.0.1',
    clock: systemClock,
    log: pino({ level: 'silent' }),
    random: Math.random,
  },
  stop.signal,
);
await running.loaded;

/** A host that has joined, as its record says: joins are not what is measured. */
async function member(index: number, key: string, fingerprint: string): Promise<Crowd['agents'][number]> {
  const host = `vm${index}`;
  const identity = { site: 'rack-1', host };
  const { hosts } = running.bridge;
  await hosts.save(hosts.add(identity, systemClock.steady()), () => ({
    ...identity,
    services: ['web'],
    keys: [fingerprint],
    joinedAt: new Date().toISOString(),
    lastInvite: { id: 'none', secretSha256: '', service: 'web' },
  }));
  const certificate = await authority.issueHost(identity, await makeRequest(key, host), Date.now());
  const instance = {
    ...{ id: `web-${host}-8080`, service: 'web', appPort: 8080, sidecarPort: 21_000 },
    ...{ health: 'passing', output: 'GET /: 200 OK', bindsUpstreams: true },
  };
  return { certificate, key, body: JSON.stringify({ address: '10.0.0.1', instances: [instance], wantTokens: [] }) };
}

const folder = await mkdtemp(join(tmpdir(), 'landbridge-bench-bridge-'));
try {
  // One key for all: making 2,000 takes longer than the measurement.
  const key = await makeKey();
  const { fingerprint } = await readCertificateRequest(await makeRequest(key, 'vm'));
  const agents: Crowd['agents'] = [];
  for (let index = 0; index < AGENTS; index += 1) agents.push(await member(index, key, fingerprint));
  const crowd: Crowd = {
    port: running.port,
    caPem: ca.certPem,
    beatMs: LEASE_MS / 3,
    warmUpMs: WARM_UP_MS,
    windowMs: WINDOW_MS,
    agents,
  };
  await writeFile(join(folder, 'crowd.json'), JSON.stringify(crowd), { mode: 0o600 });
  const program = fileURLToPath(new URL('agents.ts', import.meta.url));
  const args = ['--import', 'tsx', program, join(folder, 'crowd.json')];
  const ended = promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
  await sleep(WARM_UP_MS + 2000);
  const before = process.cpuUsage();
  await sleep(WINDOW_MS - 4000);
  const { user, system } = process.cpuUsage(before);
  const rssMb = process.memoryUsage().rss / 2 ** 20;
  const { tookMs, failed } = JSON.parse((await ended).stdout) as { tookMs: number[]; failed: number };
  tookMs.sort((a, b) => a - b);
  const at = (share: number): string => tookMs[Math.floor(tookMs.length * share)]!.toFixed(1);
  const down = running.bridge.hosts.all().filter(({ lease }) => lease.down).length;
  console.log(
    `${AGENTS} agents, lease ${LEASE_MS / 1000} s, ${tookMs.length} beats in ${WINDOW_MS / 1000} s, ${failed} failed, ${down} lapsed`,
  );
  console.log(
    `bridge: ${(((user + system) / 1000 / (WINDOW_MS - 4000)) * 100).toFixed(0)} % of a core (bar 50), ${rssMb.toFixed(0)} MB resident (bar 300)`,
  );
  console.log(`beat: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (bar 50), worst ${tookMs.at(-1)!.toFixed(1)} ms`);
} finally {
  stop.abort();
  await running.stopped;
  await consul.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exit();
