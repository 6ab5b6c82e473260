import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { load } from 'js-yaml';
import { attemptLimits, startBeats } from '../../../agent/membership/beat-loop.ts';
import { BridgeRefusal, makeBridgeClient } from '../../../agent/bridge-client.ts';
import { makeKey, makeRequest } from '../../../agent/state/certificate.ts';
import { systemClock } from '../../../base/clock.ts';
import { buildBundle } from '../../../build/build.ts';
import { askBridge } from '../../../cli/bridge-admin.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices } from '../../../clients/kube/resources.ts';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';
import type { InviteAnswer, JoinAnswer } from '../../../mesh/outside/bridge-api.ts';
import { decodeInvite } from '../../../mesh/outside/invite.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import { eventually } from '../../support/eventually.ts';
import { type FakeKube, startFakeKube } from '../../support/fake-kube/fake-kube.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';

const LEASE_MS = 3000;

/** Two bridge processes on a real Consul, and machines that beat as agents do, by the agent's own client and loop. */
describe('two bridges', function () {
  this.timeout(120_000);
  let server: RealConsul;
  let consul: Consul;
  let kube: FakeKube;
  let folder: string;
  let program: string;
  let ports: number[];
  let bridges: (ChildProcess | undefined)[];
  let said = '';
  const machines: { stop(): void; heard: number }[] = [];
  let admin: { caPem: string; certificatePem: string; keyPem: string };

  async function start(which: 0 | 1): Promise<void> {
    const [telemetry = 0] = await freePorts(1);
    const child = spawn(process.execPath, [program, 'bridge'], {
      env: {
        PATH: process.env['PATH'],
        KUBECONFIG: kube.kubeconfig,
        LANDBRIDGE_CONSUL_HTTP: server.address,
        LANDBRIDGE_CONSUL_SERVER_NAME: server.serverName,
        LANDBRIDGE_SECRETS: folder,
        LANDBRIDGE_BRIDGE_ADVERTISE: ports.map((port) => `127.0.0.1:${port}`).join(','),
        LANDBRIDGE_CONSUL_GRPC_ADVERTISE: server.grpcAddress,
        LANDBRIDGE_LEASE_MS: String(LEASE_MS),
        LANDBRIDGE_BRIDGE_PORT: String(ports[which]),
        LANDBRIDGE_TELEMETRY_PORT: String(telemetry),
        POD_NAME: `bridge-${which}-${randomUUID().slice(0, 4)}`,
      },
    });
    const keep = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-100_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    bridges[which] = child;
    await eventually(`bridge ${which} is ready: ${said.slice(-500)}`, 60_000, async () => {
      expect(child.exitCode, said).to.equal(null);
      return (await fetch(`http://127.0.0.1:${telemetry}/readyz`)).status === 200;
    });
  }
  const signatory = async (): Promise<string> =>
    (JSON.parse((await consul.kvGet('landbridge/bridge'))!.value) as { address: string }).address;
  const isActive = async (which: 0 | 1): Promise<boolean> =>
    (await signatory()) === `127.0.0.1:${ports[which]}` &&
    (await consul.kvGet('landbridge/bridge'))!.session !== undefined;
  const ask = <T>(which: 0 | 1, method: string, path: string, body?: object): Promise<T> =>
    askBridge<T>({ ...admin, addresses: [`127.0.0.1:${ports[which]}`] }, method, path, body);

  /** Beats to the bridges in the order given. */
  async function machine(host: string, order: number[]): Promise<void> {
    const { invite } = await ask<InviteAnswer>(0, 'POST', '/v1/invites', { service: 'web', site: 'rack-1' });
    const { id, secret } = decodeInvite(invite)!;
    const key = await makeKey();
    const client = makeBridgeClient({
      bridges: order.map((which) => `127.0.0.1:${ports[which]}`),
      credentials: { bridgeCa: admin.caPem },
      limits: () => attemptLimits(LEASE_MS),
    });
    const csr = await makeRequest(key, host);
    const join_ = { invite: { id, secret }, host, address: '127.0.0.1', csr };
    const { certificate } = await client.post<JoinAnswer>('/v1/join', join_);
    client.use({ bridgeCa: admin.caPem, certificate, key });
    const instance = { id: `web-${host}`, service: 'web', appPort: 8080, sidecarPort: 21_000, health: 'passing' };
    const body = {
      address: '127.0.0.1',
      instances: [{ ...instance, output: 'fine', bindsUpstreams: true }],
      wantTokens: [],
    };
    const self = { stop: () => undefined as void, heard: 0 };
    const loop = startBeats({
      clock: systemClock,
      random: Math.random,
      leaseMs: () => LEASE_MS,
      send: async () => {
        await client.post('/v1/beat', body);
        self.heard += 1;
      },
      failed: () => undefined,
      final: (error) => error instanceof BridgeRefusal,
    });
    self.stop = () => {
      loop.stop();
      client.close();
    };
    machines.push(self);
  }
  const critical = async (): Promise<string[]> =>
    (await consul.health('web')).filter(({ status }) => status === 'critical').map(({ service }) => service.ID);

  before(async () => {
    [server, kube, program, ports] = await Promise.all([
      startConsul({ acl: true, tls: true }),
      startFakeKube(),
      buildBundle(),
      freePorts(2),
    ]);
    bridges = [];
    consul = server.connect();
    const key = (): string =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const holder = () => ({ accessorId: randomUUID(), token: randomUUID(), signingKeyPem: key() });
    const bridge = holder();
    const material = { consulCaPem: server.caPem!, managementToken: server.token!, server: holder(), bridge };
    await configureAcl(consul.acl, { cluster: 'lab', tokenTtl: '1h' }, { ...material, operator: holder() });
    const nowMs = Date.now();
    const ca = await createAuthority('Landbridge bridge CA', { nowMs, days: 1 });
    const leaf = { commonName: 'landbridge-admin', organization: 'landbridge-admin', usage: 'client' as const };
    const pair = await issue(ca, { ...leaf, nowMs, days: 1 });
    admin = { caPem: ca.certPem, certificatePem: pair.certPem, keyPem: pair.keyPem };
    folder = await mkdtemp(join(tmpdir(), 'landbridge-bridges-'));
    const files = {
      'consul-token': bridge.token,
      'consul-ca.crt': server.caPem!,
      'signing.key': bridge.signingKeyPem,
      'ca.crt': ca.certPem,
      'ca.key': ca.keyPem,
    };
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    const crd = await readFile(new URL('../../../crds/landbridge.dev_meshservices.yaml', import.meta.url), 'utf8');
    await kube.client.create(customResourceDefinitions, load(crd) as KubeObject);
    await kube.client.create(meshServices, {
      apiVersion: 'landbridge.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name: 'web', namespace: 'default' },
      spec: { protocol: 'http', workloads: { external: { sites: ['rack-1'] } } },
    });
    await start(0);
    await eventually('the first holds the lock', 20_000, () => isActive(0));
    await start(1);
  });
  after(async () => {
    for (const each of machines) each.stop();
    for (const child of bridges ?? []) child?.kill('SIGKILL');
    consul?.close();
    await Promise.all([server?.stop(), kube?.stop(), folder && rm(folder, { recursive: true })]);
  });

  it('are one to those who ask: the one that stands by hands on what it is asked', async () => {
    await eventually('the first has loaded', 20_000, async () => ask(0, 'GET', '/v1/instances'));
    await eventually('the second hands on', 20_000, async () => ask(1, 'GET', '/v1/instances'));
    for (const [host, order] of [
      ['vm1', [0, 1]],
      ['vm2', [1, 0]],
      ['vm3', [1]],
      ['vm4', [0, 1]],
    ] as const) {
      await machine(host, [...order]);
    }
    await eventually('all are up', 20_000, async () => (await consul.health('web')).length === 4);
    expect(await isActive(0)).to.equal(true);
  });

  it('lose nobody when the active one is killed: the other takes over, and gives all a full lease', async () => {
    const flipped = new Set<string>();
    const gone = once(bridges[0]!, 'exit');
    bridges[0]!.kill('SIGKILL');
    await gone;
    bridges[0] = undefined;
    const watch = async (): Promise<void> => (await critical()).forEach((id) => flipped.add(id));
    await eventually('the second takes over', 30_000, async () => {
      await watch();
      return isActive(1);
    });
    const before = machines.map(({ heard }) => heard);
    const untilMs = performance.now() + 2 * LEASE_MS;
    await eventually('two leases have passed', 2 * LEASE_MS + 10_000, async () => {
      await watch();
      return performance.now() > untilMs && machines.every(({ heard }, index) => heard > before[index]!);
    });
    expect([...flipped]).to.deep.equal([]);
  });

  it('judge on: a machine that falls silent then is marked down', async () => {
    machines[3]!.stop();
    await eventually('it is down', LEASE_MS + 10_000, async () => (await critical()).join() === 'web-vm4');
  });

  it('change over at once when the active one gets SIGTERM', async () => {
    await start(0);
    const startedMs = performance.now();
    bridges[1]!.kill('SIGTERM');
    await eventually('the first is active again', 10_000, () => isActive(0));
    expect(performance.now() - startedMs, 'sooner than a session runs out').to.be.lessThan(10_000);
    await eventually('all but the silent one beat there', 10_000, async () => {
      await ask(0, 'GET', '/v1/instances');
      return (await critical()).join() === 'web-vm4';
    });
  });
});
