import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { load } from 'js-yaml';
import { makeKey, makeRequest } from '../../../agent/state/certificate.ts';
import { customResourceDefinitions, meshServices, namespaces, secrets } from '../../../clients/kube/resources.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';
import type { InstancesAnswer, JoinAnswer } from '../../../mesh/outside/bridge-api.ts';
import { decodeInvite } from '../../../mesh/outside/invite.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import { type FakeKube, startFakeKube } from '../../support/fake-kube/fake-kube.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';
import { openClient } from './bridge-client.ts';
import { anInstance } from './bridge-under-test.ts';
import { eventually } from './bridge-waiting.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = ['--import', 'tsx', join(ROOT, 'cli/main.ts')];

/** The process and the commands as people and the chart start them, on a real Consul with ACLs and TLS. */
describe('landbridge bridge, as a process', function () {
  this.timeout(120_000);
  let consul: RealConsul;
  let kube: FakeKube;
  let folder: string;
  let bridge: ChildProcess;
  let telemetry: string;
  let port: number;
  let caPem: string;
  let said = '';

  const landbridge = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const env = { ...process.env, KUBECONFIG: kube.kubeconfig };
      execFile(process.execPath, [...PROGRAM, ...args], { env, cwd: ROOT }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  before(async () => {
    const aHolder = () => ({
      accessorId: randomUUID(),
      token: randomUUID(),
      signingKeyPem: generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    });
    const holder = aHolder();
    [consul, kube] = await Promise.all([startConsul({ acl: true, tls: true }), startFakeKube()]);
    const management = consul.connect();
    const material = {
      consulCaPem: consul.caPem!,
      managementToken: consul.token!,
      server: aHolder(),
      operator: aHolder(),
    };
    await configureAcl(management.acl, { cluster: 'lab', tokenTtl: '1h' }, { ...material, bridge: holder });
    management.close();

    const [free = 0, other = 0] = await freePorts(2);
    port = free;
    telemetry = `http://127.0.0.1:${other}`;
    const nowMs = Date.now();
    const ca = await createAuthority('Landbridge bridge CA', { nowMs, days: 1 });
    caPem = ca.certPem;
    folder = await mkdtemp(join(tmpdir(), 'landbridge-bridge-'));
    for (const [file, text] of Object.entries({
      'consul-token': holder.token,
      'consul-ca.crt': consul.caPem!,
      'signing.key': holder.signingKeyPem,
      'ca.crt': ca.certPem,
      'ca.key': ca.keyPem,
    })) {
      await writeFile(join(folder, file), text);
    }
    const crd = load(await readFile(join(ROOT, 'crds/landbridge.dev_meshservices.yaml'), 'utf8')) as KubeObject;
    await kube.client.create(customResourceDefinitions, crd);
    await kube.client.create(namespaces, { metadata: { name: 'landbridge' } });
    const leaf = { commonName: 'landbridge-admin', organization: 'landbridge-admin', usage: 'client' as const };
    const admin = await issue(ca, { ...leaf, nowMs, days: 1 });
    const data = {
      addresses: `127.0.0.1:1,127.0.0.1:${port}`,
      'ca.crt': ca.certPem,
      'tls.crt': admin.certPem,
      'tls.key': admin.keyPem,
    };
    await kube.client.create(secrets, {
      metadata: { name: 'landbridge-bridge-admin', namespace: 'landbridge' },
      data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
    });

    bridge = spawn(process.execPath, [...PROGRAM, 'bridge'], {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'],
        KUBECONFIG: kube.kubeconfig,
        LANDBRIDGE_CONSUL_HTTP: consul.address,
        LANDBRIDGE_CONSUL_SERVER_NAME: consul.serverName,
        LANDBRIDGE_SECRETS: folder,
        LANDBRIDGE_BRIDGE_ADVERTISE: `127.0.0.1:${port}`,
        LANDBRIDGE_CONSUL_GRPC_ADVERTISE: consul.grpcAddress,
        LANDBRIDGE_LEASE_MS: '600',
        LANDBRIDGE_BRIDGE_PORT: String(port),
        LANDBRIDGE_TELEMETRY_PORT: String(other),
      },
    });
    const keep = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-100_000));
    bridge.stdout!.on('data', keep);
    bridge.stderr!.on('data', keep);
    await eventually(async () => {
      expect(bridge.exitCode, said).to.equal(null);
      expect((await fetch(`${telemetry}/readyz`)).status).to.equal(200);
      expect(said).to.include('records loaded');
    }, 60_000);
  });
  after(async () => {
    bridge?.kill('SIGKILL');
    await Promise.all([consul?.stop(), kube?.stop(), folder && rm(folder, { recursive: true })]);
  });

  it('tells what to add before it invites, and invites once that is applied', async () => {
    const refused = await landbridge('vm', 'invite', 'web', '--site', 'rack-1');
    expect(refused).to.deep.equal({
      code: 1,
      stdout: '',
      stderr:
        'error: no MeshService has the Consul name "web": apply one that has it, and add "rack-1" to spec.workloads.external.sites\n',
    });
    await kube.client.create(meshServices, {
      apiVersion: 'landbridge.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name: 'web', namespace: 'default' },
      spec: { protocol: 'http', workloads: { external: { sites: ['rack-1'] } } },
    });
    await eventually(async () => {
      const { code, stdout, stderr } = await landbridge('vm', 'invite', 'web', '--site', 'rack-1');
      expect(code, stderr).to.equal(0);
      expect(stdout).to.match(/^echo lb1\.[\w-]+ \| landbridge vm join -\n/);
    });
  });

  it('takes a host in by what the command printed, lists it, and shuts it out', async () => {
    const { stdout } = await landbridge('vm', 'invite', 'web', '--site', 'rack-1', '--ttl', '1m', '-o', 'json');
    const invite = decodeInvite((JSON.parse(stdout) as { invite: string }).invite)!;
    expect(invite.bridges).to.deep.equal([`127.0.0.1:${port}`]);
    const key = await makeKey();
    const stranger = openClient({ port, caPem });
    const { id, secret } = invite;
    const csr = await makeRequest(key, 'vm1');
    const joined = await stranger.post('/v1/join', { invite: { id, secret }, host: 'vm1', address: '127.0.0.1', csr });
    const { certificate, consul: access } = joined.body as JoinAnswer;
    expect(access).to.deep.equal({
      grpc: [consul.grpcAddress],
      serverName: consul.serverName,
      datacenter: 'dc1',
      caPem: consul.caPem!.trim(),
    });
    const vm = openClient({ port, caPem, certificate, key });
    const beat = { address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: ['web'] };
    const reply = await vm.post('/v1/beat', beat);
    expect(reply.body.tokens, JSON.stringify(reply.body)).to.have.length(1);
    const list = await landbridge('vm', 'list');
    expect(list.stdout).to.match(/^web-vm1-8080 +web +rack-1 +vm1 +127\.0\.0\.1:8080 +(passing|critical)/m);
    // Two starts of the command have passed since its last beat: the lease of 600 ms is over, in real time.
    await eventually(async () => {
      const { stdout: json } = await landbridge('vm', 'list', '-o', 'json');
      const { instances } = JSON.parse(json) as InstancesAnswer;
      expect(instances[0]).to.include({ health: 'critical', output: 'lease lost: nothing heard from vm1 for 0.6 s' });
    });
    expect((await vm.post('/v1/beat', { ...beat, wantTokens: [] })).status).to.equal(200);
    const revoked = await landbridge('vm', 'revoke', 'vm1', '--site', 'rack-1');
    expect(revoked).to.deep.include({ code: 0, stderr: '' });
    expect(revoked.stdout).to.include('revoked vm1 of site rack-1: one connection cut');
    expect((await landbridge('vm', 'list')).stdout).to.include('no instances');
    const again = await landbridge('vm', 'revoke', 'vm9', '--site', 'rack-1');
    expect(again.stderr).to.match(/^error: no host "vm9" has joined at site "rack-1": landbridge vm list/);
    for (const client of [stranger, vm]) client.close();
  });

  it('registers, checks, lists and deregisters what has no sidecar', async () => {
    const app = createServer((_, response) => void response.writeHead(200).end());
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    const at = ['--address', '127.0.0.1', '--port', String((app.address() as AddressInfo).port)];
    const registered = await landbridge('register', 'ledger', ...at, '--check', 'http:/health', '--tag', 'legacy');
    expect(registered).to.deep.equal({
      code: 0,
      stdout: 'registered ledger at site external: passing (http check: GET /health answered 200)\n',
      stderr: '',
    });
    expect((await landbridge('vm', 'list', '--all')).stdout).to.match(
      /^ledger +ledger +external .* passing +- +bridge\/external\/ledger +\d+s$/m,
    );
    app.close();
    app.closeAllConnections();
    await eventually(async () =>
      expect((await landbridge('vm', 'list', '--all')).stdout).to.include('http check: ECONNREFUSED'),
    );
    expect((await landbridge('deregister', 'ledger')).stdout).to.equal('deregistered ledger at site external\n');
    expect((await landbridge('deregister', 'ledger')).code).to.equal(1);
  });

  it('shows its leases, beats, writes and requests as metrics, and no secret in its log', async () => {
    const text = await (await fetch(`${telemetry}/metrics`)).text();
    for (const name of [
      'leases',
      'beats_total',
      'consul_changes_total',
      'brake',
      'request_duration_seconds',
      'external_instances',
    ]) {
      expect(text).to.include(`# TYPE landbridge_bridge_${name} `);
    }
    expect(text).to.match(/landbridge_bridge_beats_total [1-9]/);
    for (const file of ['consul-token', 'ca.key', 'signing.key']) {
      const [, line = ''] = (await readFile(join(folder, file), 'utf8')).split('\n');
      const secret = line || (await readFile(join(folder, file), 'utf8'));
      expect(said).not.to.include(secret);
    }
  });

  it('ends by itself on SIGTERM', async () => {
    const exited = new Promise<number | null>((resolve) => bridge.once('exit', resolve));
    bridge.kill('SIGTERM');
    expect(await exited).to.equal(0);
  }).timeout(20_000);

  it('says which variable is missing', async () => {
    const { code, stderr } = await landbridge('bridge');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: the environment of the bridge is wrong: LANDBRIDGE_BRIDGE_ADVERTISE is not set/);
  });
});
