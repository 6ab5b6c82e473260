import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { proxySettings } from '../../../crds/proxy.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { BOOTSTRAP_FILE, envoyBootstrap } from '../../../mesh/envoy/bootstrap.ts';
import { CA_FILE, TOKEN_FILE, caSecret, tokenSecret } from '../../../mesh/envoy/consul-cluster.ts';
import { envoyArguments } from '../../../mesh/envoy/envoy-arguments.ts';
import { registrationsOf } from '../../../mesh/service/instance.ts';
import { eventually } from '../../support/eventually.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';
import { freePorts } from '../../support/real/consul-ports.ts';

/** Real Envoys on a real Consul that they only know by the name of a Service. */
describe('a sidecar in a pod with a DNS of its own', function () {
  this.timeout(120_000);
  let server: RealConsul;
  let folder: string;
  const envoys: ChildProcess[] = [];

  before(async () => {
    server = await startConsul({ acl: true, tls: true });
    folder = await mkdtemp(join(tmpdir(), 'landbridge-own-dns-'));
    await writeFile(join(folder, CA_FILE), JSON.stringify(caSecret(server.caPem!)));
    await writeFile(join(folder, TOKEN_FILE), JSON.stringify(tokenSecret(server.token!)));
    const consul = server.connect();
    const node = { Node: 'k8s.lab.shop.web', Address: '127.0.0.1', Meta: {} };
    const registrations = registrationsOf({
      id: 'web-1',
      service: 'web',
      platform: 'pod',
      site: 'lab',
      address: '127.0.0.1',
      appPort: 8080,
      sidecarPort: (await freePorts(1))[0]!,
      health: 'passing',
      output: '',
      upstreams: [],
      accessLog: 'none',
    });
    const changes = registrations.map((registration) => ({ op: 'register' as const, node, registration }));
    for (const outcome of await consul.apply([{ op: 'set-node', node }, ...changes])) expect(outcome.ok).to.equal(true);
    consul.close();
  });
  afterEach(async () => {
    for (const envoy of envoys.splice(0)) {
      envoy.kill('SIGKILL');
      await once(envoy, 'exit');
    }
  });
  after(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Envoy as the Secret of a MeshService has it, asking `resolver` for names. */
  async function start(addresses: string[], resolver: string, readyHost?: '0.0.0.0'): Promise<number> {
    const port = Number(server.grpcAddress.split(':')[1]);
    const [adminPort = 0, readyPort = 0] = await freePorts(2);
    const bootstrap = envoyBootstrap({
      consul: [{ host: 'landbridge-consul.landbridge.svc', port }],
      consulAddresses: addresses.map((host) => ({ host, port })),
      serverName: server.serverName,
      datacenter: 'dc1',
      service: 'web',
      consulNode: 'k8s.lab.shop.web',
      secretsDirectory: folder,
      admin: { port: adminPort },
      readyPort,
      readyHost,
      stats: { tags: {}, extra: [] },
    });
    // What `dnsPolicy: None` with these name servers makes of /etc/resolv.conf.
    const typed_dns_resolver_config = {
      name: 'envoy.network.dns_resolver.cares',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
        resolvers: [{ socket_address: { address: resolver, port_value: 53 } }],
      },
    };
    const file = join(folder, `${adminPort}-${BOOTSTRAP_FILE}`);
    await writeFile(file, JSON.stringify({ ...bootstrap, typed_dns_resolver_config }));
    const proxy = proxySettings.parse({});
    const args = envoyArguments({ bootstrap: file, node: 'web-1-sidecar', service: 'web', proxy });
    envoys.push(spawn(await ensurePart('envoy', silent), args, { stdio: 'ignore' }));
    return readyPort;
  }

  const ready = (host: string, port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const asked = get({ host, port, path: '/ready' }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      asked.once('error', () => resolve(false));
    });

  for (const [words, resolver] of [
    ['answers nothing', '192.0.2.53'],
    ['is not there', '127.0.0.9'],
  ] as const) {
    it(`that ${words} has its configuration, by the address of Consul`, async () => {
      const port = await start(['127.0.0.1'], resolver);
      await eventually('it is ready', 15_000, () => ready('127.0.0.1', port));
      expect(await ready('::1', port), 'the kubelet asks at whatever address the pod has').to.equal(true);
    });
  }

  it('goes on where the kernel has IPv4 alone', async () => {
    const port = await start(['127.0.0.1'], '127.0.0.9', '0.0.0.0');
    await eventually('it is ready', 15_000, () => ready('127.0.0.1', port));
    expect(await ready('::1', port)).to.equal(false);
  });
});
