import { generateKeyPairSync, randomUUID } from 'node:crypto';
import pino from 'pino';
import { makeKey, makeRequest } from '../../../agent/state/certificate.ts';
import { type ServiceFacts, serviceFacts } from '../../../bridge/admission.ts';
import { openAuthority } from '../../../bridge/certificates/authority.ts';
import type { Bridge } from '../../../bridge/api/bridge.ts';
import type { VmFiles } from '../../../bridge/invites/vm-files.ts';
import type { Probe } from '../../../checks/external.ts';
import { type BridgeParts, type RunningBridge, startBridge } from '../../../bridge/start.ts';
import { type BridgeAccess, askBridge } from '../../../cli/bridge-admin.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';
import type { BeatInstance, BeatRequest, InviteAnswer, JoinAnswer } from '../../../mesh/outside/bridge-api.ts';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { type Invite, decodeInvite } from '../../../mesh/outside/invite.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import { aMeshService } from '../../support/builders.ts';
import { type FakeClock, fakeClock } from '../../unit/bridge/fake-clock.ts';
import { type Client, type Reply, openClient } from './bridge-client.ts';
import { type ConsulUnderTest, underTest } from '../consul/consul-under-test.ts';
import { eventually } from './bridge-waiting.ts';

import { freePorts } from '../../support/real/consul-ports.ts';

export const LEASE_MS = 6000;
export const DEREGISTER_AFTER_MS = 72 * 3_600_000;
export const SITE = 'rack-1';

/** A bridge on loopback with real TLS and certificates, and with the rights it has in an installation. Its clock stands still. */
export interface BridgeUnderTest {
  running: RunningBridge;
  clock: FakeClock;
  consul: ConsulUnderTest;
  /** May do everything. */
  reader: Consul;
  caPem: string;
  meshServices: { list: ServiceFacts[]; hasSynced: boolean };
  admin: BridgeAccess;
  ask<T>(method: string, path: string, body?: object): Promise<T>;
  /** Makes a MeshService that admits rack-1. */
  admit(service: string, spec?: Partial<MeshServiceSpecInput>): void;
  invite(service: string, site?: string, ttlSeconds?: number): Promise<Invite>;
  /** Over a connection with that client certificate, or without one. */
  client(identity?: { certificate: string; key: string }): Client;
  joinWith(client: Client, invite: Invite, host: string, key: string): Promise<Reply>;
  join(host: string, service: string, site?: string): Promise<Joined>;
  /** Requests to Consul while `work` ran, without those by which the bridge keeps its lock. */
  requestsOf(work: () => Promise<unknown>): Promise<string[]>;
  /** Ends this bridge and starts another on the same Consul, CA, port and clock. */
  restart(): Promise<void>;
  /** Starts another beside it, on another port; from now on it is the one that is meant. */
  startSecond(): Promise<void>;
  stop(): Promise<void>;
}

export interface Joined {
  answer: JoinAnswer;
  key: string;
  client: Client;
  beat(instances: BeatInstance[], more?: Partial<BeatRequest>): Promise<Reply>;
}

export interface BridgeOptions {
  probe?: Probe;
  reach?: BridgeParts['reach'];
  startMs?: number;
  askName?: Bridge['askName'];
  adminKeys?: Bridge['adminKeys'];
  /** It serves these to machines, at the address that it advertises. */
  vmFiles?: VmFiles;
}

export async function bridgeUnderTest(
  which: 'the fake' | 'the real Consul',
  options: BridgeOptions = {},
): Promise<BridgeUnderTest> {
  const consul = await underTest(which);
  try {
    return await openOn(consul, options);
  } catch (error) {
    await consul.stop();
    throw error;
  }
}

async function openOn(consul: ConsulUnderTest, options: BridgeOptions): Promise<BridgeUnderTest> {
  const reader = consul.connect();
  // A server has a leader a moment before it has an ACL system.
  await eventually(() => reader.acl.bootstrap(consul.management));
  const [server, operator, holder] = [aHolder(), aHolder(), aHolder()];
  const material = { consulCaPem: '', managementToken: consul.management, server, operator, bridge: holder };
  await configureAcl(reader.acl, { cluster: 'lab', tokenTtl: '1h' }, material);

  const clock = fakeClock(options.startMs);
  const ca = await createAuthority('Landbridge bridge CA', { nowMs: clock.now(), days: 3650 });
  const adminLeaf = { commonName: 'landbridge-admin', organization: 'landbridge-admin', usage: 'client' as const };
  const adminPair = await issue(ca, { ...adminLeaf, nowMs: clock.now(), days: 1095 });
  const meshServices = { list: [] as ServiceFacts[], hasSynced: true };
  const clients: Client[] = [];
  let stop = new AbortController();
  const started: RunningBridge[] = [];

  const start = (port: number): Promise<RunningBridge> =>
    startBridge(
      {
        consul: consul.connect(holder.token),
        meshServices: {
          get hasSynced() {
            return meshServices.hasSynced;
          },
          by: (_, service) => meshServices.list.filter((facts) => facts.service === service),
        },
        authority: openAuthority(ca.certPem, ca.keyPem),
        signingKeyPem: holder.signingKeyPem,
        consulAccess: {
          grpc: ['127.0.0.1:8503'],
          serverName: 'server.dc1.consul',
          datacenter: 'dc1',
          caPem: ca.certPem,
        },
        advertise: [`127.0.0.1:${port || 30443}`],
        namespace: 'landbridge',
        leaseMs: LEASE_MS,
        deregisterAfterMs: DEREGISTER_AFTER_MS,
        port,
        listenOn: '127.0.0.1',
        clock,
        log: pino({ level: process.env['BRIDGE_LOG'] ?? 'silent' }),
        random: () => 0.5,
        probe: options.probe,
        reach: options.reach,
        vmFiles: options.vmFiles,
        askName: options.askName,
        adminKeys: options.adminKeys,
      },
      stop.signal,
    );

  // Not one that the kernel chooses: `restart` needs the same again, and an outgoing connection could have taken it.
  const [port = 0] = await freePorts(1);
  const running = await start(port);
  await running.loaded;
  const bridge: BridgeUnderTest = {
    running,
    clock,
    consul,
    reader,
    caPem: ca.certPem,
    meshServices,
    admin: {
      addresses: [`127.0.0.1:${running.port}`],
      caPem: ca.certPem,
      certificatePem: adminPair.certPem,
      keyPem: adminPair.keyPem,
    },
    ask: (method, path, body) => askBridge(bridge.admin, method, path, body),
    admit(service, spec = {}) {
      const external = { workloads: { external: { sites: [SITE] } } };
      meshServices.list.push(serviceFacts(aMeshService(service, { ...external, ...spec })));
    },
    async invite(service, site = SITE, ttlSeconds = 900) {
      const { invite } = await bridge.ask<InviteAnswer>('POST', '/v1/invites', { service, site, ttlSeconds });
      return decodeInvite(invite)!;
    },
    client(identity) {
      const client = openClient({ port: bridge.running.port, caPem: ca.certPem, ...identity });
      clients.push(client);
      return client;
    },
    async joinWith(client, { id, secret }, host, key) {
      const csr = await makeRequest(key, 'whatever-the-csr-says');
      return client.post('/v1/join', { invite: { id, secret }, host, address: '127.0.0.1', csr });
    },
    async join(host, service, site = SITE) {
      const key = await makeKey();
      const reply = await bridge.joinWith(bridge.client(), await bridge.invite(service, site), host, key);
      if (reply.status !== 200) throw new Error(`join of ${host}: ${reply.status} ${JSON.stringify(reply.body)}`);
      const answer = reply.body as JoinAnswer;
      const client = bridge.client({ certificate: answer.certificate, key });
      const beat: Joined['beat'] = (instances, more = {}) =>
        client.post('/v1/beat', { address: '127.0.0.1', instances, wantTokens: [], ...more });
      return { answer, key, client, beat };
    },
    async requestsOf(work) {
      consul.requests.length = 0;
      await work();
      return consul.requests.filter((request) => !request.startsWith('PUT /session/renew/'));
    },
    async restart() {
      stop.abort();
      await bridge.running.stopped;
      stop = new AbortController();
      bridge.running = await start(bridge.running.port);
      await bridge.running.loaded;
    },
    async startSecond() {
      started.push(bridge.running);
      bridge.running = await start(0);
      await bridge.running.loaded;
    },
    async stop() {
      for (const client of clients) client.close();
      stop.abort();
      await Promise.all([...started, bridge.running].map(({ stopped }) => stopped));
      reader.close();
      await consul.stop();
    },
  };
  return bridge;
}

const aHolder = () => ({
  accessorId: randomUUID(),
  token: randomUUID(),
  signingKeyPem: generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString(),
});

export function anInstance(service: string, host: string, more: Partial<BeatInstance> = {}): BeatInstance {
  const { appPort = 8080 } = more;
  return {
    id: `${service}-${host}-${appPort}`,
    service,
    appPort,
    sidecarPort: 21_000,
    health: 'passing',
    output: 'GET / answered 200',
    bindsUpstreams: true,
    ...more,
  };
}
