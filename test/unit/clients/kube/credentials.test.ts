import { expect } from 'chai';
import { KubeConfig } from '@kubernetes/client-node';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { connectKube, createClient } from '../../../../clients/kube/client.ts';
import { readCredentials } from '../../../../clients/kube/credentials.ts';
import { KubeError } from '../../../../clients/kube/errors.ts';
import { clusterCertificates, type ClusterCertificates } from '../../../support/real/kube-certificates.ts';
import { kubeconfigWith } from '../../../support/fake-kube/kubeconfig.ts';
import { json, startScriptedServer } from './scripted-server.ts';

let directory: string;
let steadyMs = 0;
const clock = { steady: () => steadyMs };

/** As KubeConfig reads a pod's service account: a token in a file. */
function tokenConfig(server: string, tokenFile: string): KubeConfig {
  const config = new KubeConfig();
  const user = { name: 'pod', authProvider: { name: 'tokenFile', config: { tokenFile } } };
  config.loadFromClusterAndUser({ name: 'in', server, skipTLSVerify: true }, user);
  return config;
}

describe('kube credentials', () => {
  beforeEach(async () => {
    steadyMs = 0;
    directory = await mkdtemp(join(tmpdir(), 'landbridge-credentials-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('reads a rotated service account token again, by age', async () => {
    const file = join(directory, 'token');
    await writeFile(file, 'first');
    const credentials = readCredentials(() => tokenConfig('http://127.0.0.1:1', file), clock, 30_000);
    const token = async () => (await credentials.get()).headers['Authorization'];
    expect(await token()).to.equal('Bearer first');
    await writeFile(file, 'second\n');
    steadyMs = 29_999;
    expect(await token()).to.equal('Bearer first');
    steadyMs = 30_000;
    expect(await token()).to.equal('Bearer second');
  });

  it('keeps its connections while only the token changes', async () => {
    const file = join(directory, 'token');
    await writeFile(file, 'first');
    const credentials = readCredentials(() => tokenConfig('http://127.0.0.1:1', file), clock, 30_000);
    const { agents } = await credentials.get();
    await writeFile(file, 'second');
    credentials.expire();
    expect((await credentials.get()).agents).to.equal(agents);
  });

  it('asks a token plugin again only when its token has expired or was refused', async () => {
    const calls = join(directory, 'calls');
    const status = { token: 'from-plugin', expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() };
    const answer = JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status });
    const plugin = { command: '/bin/sh', args: ['-c', `echo called >> '${calls}'; echo '${answer}'`] };
    const load = () => {
      const config = new KubeConfig();
      const user = { name: 'u', exec: { apiVersion: 'client.authentication.k8s.io/v1', ...plugin } };
      config.loadFromClusterAndUser({ name: 'in', server: 'http://127.0.0.1:1', skipTLSVerify: true }, user);
      return config;
    };
    const called = async () => (await readFile(calls, 'utf8')).trim().split('\n').length;
    const credentials = readCredentials(load, clock, 30_000);
    expect((await credentials.get()).headers['Authorization']).to.equal('Bearer from-plugin');
    steadyMs = 60_000;
    await credentials.get();
    expect(await called()).to.equal(1);
    credentials.expire();
    await credentials.get();
    expect(await called()).to.equal(2);
  });

  it('says that credentials are missing when the first reading fails', async () => {
    const credentials = readCredentials(() => tokenConfig('http://127.0.0.1:1', join(directory, 'none')), clock);
    const error = await credentials.get().catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(KubeError).and.to.include({ reason: 'NoCredentials', kind: 'fix' });
  });

  it('serves on with the old credentials while the files cannot be read', async () => {
    const file = join(directory, 'token');
    await writeFile(file, 'first');
    const credentials = readCredentials(() => tokenConfig('http://127.0.0.1:1', file), clock, 30_000);
    await credentials.get();
    await rm(file);
    steadyMs = 60_000;
    expect((await credentials.get()).headers['Authorization']).to.equal('Bearer first');
  });

  it('asks again with a fresh token when the server refuses the one at hand, and only once', async () => {
    const file = join(directory, 'token');
    await writeFile(file, 'old');
    const server = await startScriptedServer((request, response) => {
      if (request.headers.authorization === 'Bearer new') json(response, 200, { well: 'done' });
      else json(response, 401, { kind: 'Status', code: 401, reason: 'Unauthorized' });
    });
    const credentials = readCredentials(() => tokenConfig(server.url, file), clock, 30_000);
    const client = createClient({ server: server.url, namespace: 'default', credentials });
    const refused = await client.request('GET', '/').catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(KubeError).and.to.include({ code: 401, kind: 'fix' });
    expect(server.seen).to.have.length(2);
    await credentials.get();
    await writeFile(file, 'new');
    expect(await client.request('GET', '/')).to.deep.equal({ well: 'done' });
    await server.close();
  });

  describe('with client certificates', () => {
    let server: https.Server;
    let certificates: ClusterCertificates;
    let url: string;

    beforeEach(async () => {
      certificates = await clusterCertificates();
      const { certPem, keyPem } = certificates.server;
      const options = {
        cert: certPem,
        key: keyPem,
        ca: certificates.caPem,
        requestCert: true,
        rejectUnauthorized: false,
      };
      server = https.createServer(options, (request, response) => {
        const peer = (request.socket as TLSSocket).getPeerCertificate();
        response.end(JSON.stringify({ user: peer.subject?.CN }));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });

    async function kubeconfig(user: string, caPem = certificates.caPem): Promise<string> {
      const path = join(directory, 'kubeconfig');
      await writeFile(path, kubeconfigWith({ server: url, caPem, ...(await certificates.client(user, [])) }));
      return path;
    }

    it('shows the certificate of the kubeconfig, and the new one after that was replaced', async () => {
      const path = await kubeconfig('ann');
      const load = () => {
        const config = new KubeConfig();
        config.loadFromFile(path);
        return config;
      };
      const client = createClient({
        server: url,
        namespace: 'default',
        credentials: readCredentials(load, clock, 30_000),
      });
      expect(await client.request('GET', '/')).to.deep.equal({ user: 'ann' });
      await kubeconfig('bob');
      expect(await client.request('GET', '/')).to.deep.equal({ user: 'ann' });
      steadyMs = 30_000;
      expect(await client.request('GET', '/')).to.deep.equal({ user: 'bob' });
    });

    it('refuses a server whose certificate another CA has signed', async () => {
      const { caPem } = await clusterCertificates();
      const client = connectKube({ kubeconfig: await kubeconfig('ann', caPem) });
      const error = await client.request('GET', '/').catch((reason: unknown) => reason);
      expect(error).to.include({ reason: 'Unreachable', kind: 'retry' });
    });
  });

  for (const [what, text] of Object.entries({
    'is not there': undefined,
    'is no YAML': '{{{',
    'is empty': '',
    'names no cluster':
      'apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: b, user: c}}]\n',
  })) {
    it(`says so when the kubeconfig ${what}`, async () => {
      const path = join(directory, 'kubeconfig');
      if (text !== undefined) await writeFile(path, text);
      expect(() => connectKube({ kubeconfig: path }))
        .to.throw(KubeError)
        .with.property('kind', 'fix');
    });
  }

  it('does not send credentials over plain HTTP to another machine', async () => {
    const path = join(directory, 'kubeconfig');
    await writeFile(path, kubeconfigWith({ server: 'http://192.0.2.1:8080' }));
    const error = await connectKube({ kubeconfig: path })
      .request('GET', '/', { timeoutMs: 500 })
      .catch((reason: unknown) => reason);
    expect((error as Error).message).to.contain('HTTP protocol is not allowed');
  });
});
