import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { type Socket, connect, createServer, isIPv6 } from 'node:net';

import pino from 'pino';

import { makeRequest } from '../../../agent/state/certificate.ts';
import type { MeshServices, ServiceFacts } from '../../../bridge/admission.ts';
import { openAuthority } from '../../../bridge/certificates/authority.ts';
import { instances } from '../../../bridge/handlers/instances.ts';
import { revoke } from '../../../bridge/handlers/revoke.ts';
import { installOf } from '../../../bridge/invites/install.ts';
import { createInvite } from '../../../bridge/invites/invites.ts';
import { type RunningBridge, startBridge } from '../../../bridge/start.ts';
import type { VmFiles } from '../../../bridge/invites/vm-files.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import { systemClock } from '../../../base/clock.ts';
import { type ProxySettings, proxySettings } from '../../../crds/proxy.ts';
import { createAuthority } from '../../../clients/pki/authority.ts';
import type { InstancesAnswer } from '../../../mesh/outside/bridge-api.ts';
import { installCommand } from '../../../mesh/outside/install-script.ts';
import { decodeInvite, encodeInvite } from '../../../mesh/outside/invite.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';

export const SITE = 'rack-1';

/** A real Consul (TLS, ACLs default deny) and a real bridge in this process, as a machine outside the cluster sees them. */
export interface Rig {
  consul: RealConsul;
  /** With the management token. */
  reader: Consul;
  bridgeAddress: string;
  /** The facts of MeshServices. A test changes them while the bridge runs. */
  facts: Map<string, ServiceFacts>;
  admit(service: string, upstreams?: ServiceFacts['upstreams'], proxy?: Partial<ProxySettings>): void;
  invite(service: string, ttlMs?: number): Promise<string>;
  /** The command that a machine without anything runs; `words` are flags of `vm join`. */
  command(service: string, words: string[]): Promise<string[]>;
  /** The invite with another fingerprint of the bridge authority. */
  withFingerprint(invite: string, caFingerprint: string): string;
  /** An intention, as a MeshService's `access` makes one. */
  letCall(from: string, to: string): Promise<void>;
  refuseCall(from: string, to: string): Promise<void>;
  /** A certificate of the host for its key (PEM), as join gave it `ageMs` ago. */
  certificate(host: string, key: string, ageMs: number): Promise<string>;
  /** Ends a sidecar's token in Consul. */
  endToken(secretId: string): Promise<void>;
  /** As `landbridge vm revoke`. */
  revoke(host: string): Promise<void>;
  /** As `landbridge vm list`. */
  instances(): Promise<InstancesAnswer>;
  bridgeDown(): Promise<void>;
  bridgeUp(): Promise<void>;
  stop(): Promise<void>;
}

export interface RigOptions {
  leaseMs: number;
  tokenTtl?: string;
  vmFiles?: VmFiles;
  /** The address at which bridge and Consul are reached; default 127.0.0.1. */
  at?: string;
}

export async function startRig(options: RigOptions): Promise<Rig> {
  const { at = '127.0.0.1' } = options;
  const reached = (port: number): string => (isIPv6(at) ? `[${at}]:${port}` : `${at}:${port}`);
  const consul = await startConsul({ acl: true, tls: true });
  const reader = consul.connect();
  const holder = (): { accessorId: string; token: string; signingKeyPem: string } => ({
    accessorId: randomUUID(),
    token: randomUUID(),
    signingKeyPem: generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString(),
  });
  const [server, operator, bridge] = [holder(), holder(), holder()];
  const acl = { cluster: 'lab', tokenTtl: options.tokenTtl ?? '1h' };
  const consulCaPem = consul.caPem ?? '';
  await configureAcl(reader.acl, acl, { server, operator, bridge });

  const ca = await createAuthority('Landbridge bridge CA', { nowMs: Date.now(), days: 1 });
  const authority = openAuthority(ca.certPem, ca.keyPem);
  const [port = 0] = await freePorts(1);
  const bridgeAddress = reached(port);
  const grpcPort = Number(consul.grpcAddress.split(':').at(-1));
  const forward = at === '127.0.0.1' ? undefined : await forwardTo(grpcPort, at);
  const facts = new Map<string, ServiceFacts>();
  const meshServices: MeshServices = { hasSynced: true, by: (_, service) => [facts.get(service) ?? []].flat() };
  const bridgeConsul = consul.connect(bridge.token);

  const intend = async (from: string, to: string, action: 'allow' | 'deny'): Promise<void> => {
    const defaults = { Kind: 'service-defaults', Name: to, Protocol: 'http' };
    const source = { Name: from, Action: action, Type: 'consul', Precedence: 9 };
    const intentions = { Kind: 'service-intentions', Name: to, Sources: [source] };
    const transport = consul.transport();
    for (const body of [defaults, intentions]) await transport.send({ method: 'PUT', path: '/config', body });
  };

  let running: { bridge: RunningBridge; stop: AbortController } | undefined;
  const rig: Rig = {
    consul,
    reader,
    bridgeAddress,
    facts,
    admit: (service, upstreams = [], proxy = {}) =>
      void facts.set(service, {
        namespace: 'shop',
        name: service,
        service,
        protocol: 'http',
        upstreams,
        proxy: proxySettings.parse(proxy),
        sites: [SITE],
        standing: 'holds',
        deleting: false,
        createdAt: '2026-01-01T00:00:00Z',
      }),
    async invite(service, ttlMs = 600_000) {
      const { id, secret } = await createInvite(bridgeConsul, { service, site: SITE, ttlMs }, Date.now());
      const { caFingerprint } = authority;
      return encodeInvite({ bridges: [bridgeAddress], caFingerprint, id, secret, service, site: SITE });
    },
    async command(service, words) {
      const install = await installOf(running!.bridge.bridge);
      const invite = await rig.invite(service);
      return installCommand({ bridges: [bridgeAddress], sha256: install!.sha256, words: [invite, ...words] });
    },
    withFingerprint: (word, caFingerprint) => encodeInvite({ ...decodeInvite(word)!, caFingerprint }),
    letCall: (from, to) => intend(from, to, 'allow'),
    refuseCall: (from, to) => intend(from, to, 'deny'),
    certificate: async (host, key, ageMs) =>
      authority.issueHost({ site: SITE, host }, await makeRequest(key, host), Date.now() - ageMs),
    revoke: async (host) => {
      await revoke({ bridge: running!.bridge.bridge, body: { site: SITE, host } } as never);
    },
    instances: () => instances({ bridge: running!.bridge.bridge, query: new URLSearchParams() } as never),
    endToken: (secretId) => reader.logout(secretId),
    async bridgeUp() {
      const stop = new AbortController();
      const parts = {
        consul: bridgeConsul,
        meshServices,
        authority,
        signingKeyPem: bridge.signingKeyPem,
        consulAccess: {
          grpc: [reached(grpcPort)],
          serverName: consul.serverName,
          datacenter: 'dc1',
          caPem: consulCaPem,
        },
        advertise: [bridgeAddress],
        namespace: 'landbridge',
        leaseMs: options.leaseMs,
        deregisterAfterMs: 3_600_000,
        port,
        listenOn: at,
        clock: systemClock,
        log: pino({ level: process.env['RIG_LOG'] ?? 'silent' }),
        random: Math.random,
        vmFiles: options.vmFiles,
      };
      running = { bridge: await startBridge(parts, stop.signal), stop };
      await running.bridge.loaded;
    },
    async bridgeDown() {
      running?.stop.abort();
      await running?.bridge.stopped;
      running = undefined;
    },
    async stop() {
      await rig.bridgeDown();
      forward?.close();
      bridgeConsul.close();
      reader.close();
      await consul.stop();
    },
  };
  await rig.bridgeUp();
  return rig;
}

/** Another way to the port of 127.0.0.1: Consul listens there only. */
function forwardTo(port: number, at: string): Promise<{ close(): void }> {
  const open = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect({ host: '127.0.0.1', port });
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => (open.delete(one), other.destroy()));
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, at, () =>
      resolve({
        close() {
          server.close();
          for (const socket of open) socket.destroy();
        },
      }),
    );
  });
}
