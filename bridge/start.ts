import { randomUUID } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import type { Server } from 'node:https';
import { createBackoff } from '../base/backoff.ts';
import { hostPort } from '../base/host-port.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Consul } from '../clients/consul/consul.ts';
import type { ConsulAccess } from '../mesh/outside/bridge-api.ts';
import type { MeshServices } from './admission.ts';
import type { Authority, HostIdentity } from './certificates/authority.ts';
import type { Bridge } from './api/bridge.ts';
import { createCleanUp } from './hosts/clean-up.ts';
import { trackConnections } from './api/connections.ts';
import { createExternals } from './externals/externals.ts';
import { limitFailedJoins } from './api/failed-joins.ts';
import { forwardToLeader } from './standby/forward.ts';
import { createHosts } from './hosts/hosts.ts';
import { lapseHosts } from './hosts/lapse.ts';
import { createLeases } from './hosts/leases.ts';
import { load } from './load.ts';
import { createMetrics } from './observe/metrics.ts';
import { createNodeWriter } from './node-writer.ts';
import { createPodReach } from './reach/pod-reach.ts';
import { type Probe, probe as realProbe } from '../checks/external.ts';
import { keepRereading } from './reread.ts';
import { ROUTES } from './handlers/routes.ts';
import { createApiServer } from './api/server.ts';
import { type SidecarReachOptions, createSidecarReach } from './reach/sidecar-reach.ts';
import { renewServing, servingNames } from './certificates/serving.ts';
import { type Tenure, createTenure } from './standby/tenure.ts';
import { openTokenVault } from './tokens/vault.ts';
import { createTokens } from './tokens/tokens.ts';
import type { VmFiles } from './invites/vm-files.ts';

/** All that a bridge works with. Every duration is in milliseconds. */
export interface BridgeParts {
  consul: Consul;
  meshServices: MeshServices;
  authority: Authority;
  signingKeyPem: string;
  consulAccess: ConsulAccess;
  advertise: string[];
  namespace: string;
  /** Where and as whom this bridge runs, for others that stand by. Default: alone, on loopback. */
  pod?: { name: string; ip: string };
  leaseMs: number;
  deregisterAfterMs: number;
  /** 0: any free port. */
  port: number;
  /** Default: all addresses. */
  listenOn?: string;
  clock: Clock;
  log: Log;
  /** 0 <= random() < 1. */
  random: () => number;
  askName?: Bridge['askName'];
  adminKeys?: Bridge['adminKeys'];
  /** The files that machines fetch before they join. Default: no files. */
  vmFiles?: VmFiles;
  /** The mass-loss brake of a site went on, with the hosts that it holds, or off. Must not throw. */
  onBrake?: (site: string, held: string[] | undefined) => void;
  /** Default: real checks over the network. */
  probe?: Probe;
  /** Default: a TLS handshake with the sidecar of a machine. */
  reach?: SidecarReachOptions['reach'];
}

export interface RunningBridge {
  bridge: Bridge;
  /** Where the API listens. */
  port: number;
  /** Open connections to the API. */
  connections: () => number;
  /** Resolves when the records have been read from Consul, and leases are judged: when it no longer stands by. */
  loaded: Promise<void>;
  /** Resolves when everything has ended, after the signal aborted or another bridge took over. */
  stopped: Promise<void>;
}

/** Starts a bridge; it runs until the signal aborts. Stopping takes nothing out of Consul. Throws when it cannot listen. */
export async function startBridge(parts: BridgeParts, outer: AbortSignal): Promise<RunningBridge> {
  const { clock, log, authority } = parts;
  let isLoaded = false;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  if (outer.aborted) end();
  outer.addEventListener('abort', end, { once: true });
  const { signal } = ending;
  const { name: pod, ip } = parts.pod ?? { name: 'landbridge-bridge', ip: '127.0.0.1' };
  let port = parts.port;
  const address = (): string => hostPort(ip, port);
  const tenure = createTenure({ consul: parts.consul, id: randomUUID(), pod, address, clock, log, onLost: end });
  const bridge = assemble(parts, tenure, () => isLoaded);
  const names = servingNames(parts.advertise, parts.namespace);
  const serving = await authority.issueServing(names, clock.now());
  const server = createApiServer(bridge, ROUTES, serving);
  const forwarding = forwardToLeader(server, tenure.leader);
  port = await listen(server, parts.port, parts.listenOn);
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  log.info({ port, names }, 'bridge listens');

  const loaded = loadUntilDone(bridge, tenure, parts.random, signal).then(() => {
    isLoaded = !signal.aborted;
    // Clients that were handed on to the earlier bridge come here now.
    forwarding.cut();
  });
  const loops = Promise.all([
    loaded.then(() => bridge.leases.run(signal)),
    loaded.then(() => bridge.podReach.run(signal)),
    loaded.then(() => bridge.sidecarReach.run(signal)),
    loaded.then(() => keepRereading(bridge, signal)),
    tenure.keep(signal),
    bridge.writer.run(signal),
    renewServing(server, authority, names, serving, { clock, log }, signal),
  ]);
  const stopped = aborted(signal)
    .then(() => forwarding.cut())
    .then(() => close(server))
    .then(() => loops)
    .then(() => bridge.externals.close())
    .then(() => tenure.release())
    .finally(() => outer.removeEventListener('abort', end));
  return { bridge, port, connections: () => open.size, loaded, stopped };
}

function assemble(parts: BridgeParts, tenure: Tenure, loaded: () => boolean): Bridge {
  const { consul, meshServices, clock, log, random, leaseMs } = parts;
  const hosts = createHosts(consul);
  const writer = createNodeWriter({
    consul,
    clock,
    log,
    random,
    mayMend: tenure.holds,
    onWrite: (changes, ok) => bridge.metrics.consulWrites.inc({ result: ok ? 'ok' : 'failed' }, changes),
  });
  const externals = createExternals({ writer, probe: parts.probe ?? realProbe, clock, random });
  const podReach = createPodReach({ consul, meshServices, hosts, clock, log, random, mayWrite: tenure.holds });
  const sidecarReach = createSidecarReach({ hosts, writer, reach: parts.reach, clock, log, random });
  const judged = () => hosts.all().filter((host) => host.held?.record.revokedAt === undefined);
  const mayHold = (identity: HostIdentity, service: string): boolean => {
    const record = hosts.get(identity)?.held?.record;
    return record !== undefined && record.revokedAt === undefined && record.services.includes(service);
  };
  const lapse = lapseHosts({ writer, leaseMs, holds: tenure.holds });
  const leases = createLeases({
    hosts: judged,
    clock,
    leaseMs,
    log,
    onLapse: (host) => void lapse(host),
    onJudged: () => cleanUp(),
    inMesh: ({ node }) => writer.wanted(node) !== undefined,
    onBrake: parts.onBrake,
  });
  const vault = openTokenVault(consul, parts.signingKeyPem);
  const bridge: Bridge = {
    advertise: parts.advertise,
    leaseMs,
    consulAccess: parts.consulAccess,
    consul,
    clock,
    log,
    authority: parts.authority,
    meshServices,
    hosts,
    leases,
    writer,
    externals,
    podReach,
    sidecarReach,
    tokens: createTokens({ consul, vault, signingKeyPem: parts.signingKeyPem, clock, log, mayHold }),
    connections: trackConnections(),
    failedJoins: limitFailedJoins(clock),
    askName: parts.askName,
    adminKeys: parts.adminKeys,
    vmFiles: parts.vmFiles ?? { list: () => Promise.resolve([]) },
    metrics: createMetrics({
      leases: () => judged().map(({ site, lease }) => ({ site, down: lease.down })),
      brakes: leases.brakes,
      externals: externals.all,
    }),
    loaded,
    holds: tenure.holds,
  };
  const cleanUp = createCleanUp(bridge, parts.deregisterAfterMs);
  return bridge;
}

/** How often a bridge that stands by asks whether the lock is free. */
const STANDBY_MS = 1000;

/** Consul may be down, or another bridge hold the lock, for as long as it likes when a bridge starts. */
async function loadUntilDone(bridge: Bridge, tenure: Tenure, random: () => number, signal: AbortSignal): Promise<void> {
  const backoff = createBackoff({ baseMs: 250, capMs: 5000, random });
  while (!signal.aborted) {
    try {
      if (await tenure.claim()) {
        await load(bridge);
        // Only now is it known who may hold one.
        return await bridge.tokens.restore();
      }
      backoff.reset();
      await bridge.clock.wait(STANDBY_MS, signal);
    } catch (error) {
      bridge.log.warn({ err: error }, 'reading the records from Consul failed');
      await bridge.clock.wait(backoff.next(), signal);
    }
  }
}

function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Requests under way get two seconds. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), 2000);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
