import { expect } from 'chai';
import { dump, load as parse } from 'js-yaml';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Consul } from '../../clients/consul/consul.ts';
import { createAuthority } from '../../clients/pki/authority.ts';
import type { CommandFailed } from '../../lab/host/exec.ts';
import { valuesFile } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { applySample, SAMPLE_NAMESPACE, waitForSample } from '../../lab/sample/in-cluster.ts';
import { CONFIG_KINDS, EDGE_KINDS } from '../../mesh/catalog/entry.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { type GuideShell, blocksOf, commandsOf, guide, guideShell, sectionOf } from '../support/rigs/guide.ts';
import { eventually } from '../support/eventually.ts';
import { labContents } from '../support/rigs/lab-contents.ts';
import { type RealConsul, startConsul } from '../support/real/consul.ts';
import { aclState } from '../unit/operator/bootstrap/parts.ts';

/** From the command to the word that it cannot be. */
const REFUSED_MS = 10_000;

/** On the lab, with a real Consul on its host. It takes the installation away, and its own with it. */
describe('an installation with Consul servers that were there before', function () {
  this.timeout(300_000);
  let lab: RunningLab;
  let server: RealConsul;
  let admin: Consul;
  let shell: GuideShell;
  before(async () => {
    lab = await runningLab();
    await lab.landbridge(['uninstall', '--yes'], { timeoutMs: 180_000 });
    await lab.cluster.kubectl(['delete', 'namespace', SAMPLE_NAMESPACE, '--ignore-not-found', '--timeout=90s']);
    server = await startConsul({ acl: true, tls: true, host: lab.network.hostAddress });
    admin = server.connect();
    shell = await guideShell(lab);
    await lab.cluster.kubectl(['create', 'namespace', NAMESPACE]);
  });
  after(async () => {
    await shell?.remove();
    admin?.close();
    await server?.stop();
  });

  const installed = (more: object = {}) => {
    const { consul, ...values } = parse(readFileSync(valuesFile, 'utf8')) as Record<string, unknown>;
    void consul;
    return dump({
      ...values,
      externalConsul: {
        enabled: true,
        addresses: [server.address],
        grpc: server.grpcAddress,
        ca: { name: 'consul-ca' },
        token: { name: 'consul-token' },
        ...more,
      },
    });
  };
  const keep = async (name: string, key: string, text: string): Promise<void> => {
    const data = { [key]: Buffer.from(text).toString('base64') };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NAMESPACE }, data };
    await lab.cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(secret) });
  };
  const install = (input: string): Promise<string> =>
    lab.landbridge(['install', '-f', '-'], { input, timeoutMs: 240_000 });
  const inConsul = async () => ({
    acl: await aclState(admin.acl),
    tokens: (await admin.acl.listTokens()).map(({ accessorId }) => accessorId).sort(),
    policies: (await admin.acl.listPolicies()).map(({ name }) => name).sort(),
    nodes: (await admin.listNodes('')).map(({ name }) => name).sort(),
    keys: await admin.kvList(''),
    config: await Promise.all([...CONFIG_KINDS, ...EDGE_KINDS].map((kind) => admin.listConfig(kind))),
  });

  const wrong: [what: string, says: RegExp, given: () => Promise<string>][] = [
    [
      'no Secret',
      /^error: Secret landbridge\/consul-ca is not there: kubectl -n landbridge create secret/,
      () => Promise.resolve(installed()),
    ],
    [
      'another CA',
      /^error: the certificate is not the one expected: check externalConsul\.ca/,
      async () => {
        await keep('consul-token', 'token', server.token!);
        const other = await createAuthority('other', { nowMs: Date.now(), days: 1 });
        await keep('consul-ca', 'ca.crt', other.certPem);
        return installed();
      },
    ],
    [
      'an address where nobody listens',
      /^error: no server answers there: check externalConsul\.addresses/,
      async () => {
        await keep('consul-ca', 'ca.crt', server.caPem!);
        return installed({ addresses: [`${lab.network.hostAddress}:9`] });
      },
    ],
    [
      'an unknown token',
      /^error: the token of externalConsul\.token cannot be used, it needs acl:write: .*does not know the token/,
      async () => {
        await keep('consul-token', 'token', '99999999-2222-4333-8444-555555555555');
        return installed();
      },
    ],
  ];
  for (const [what, says, given] of wrong) {
    it(`says so within 10 s with ${what}, once, and changes nothing on either side`, async () => {
      const values = await given();
      const [consul, kubernetes] = [await inConsul(), await labContents(lab).inKubernetes()];
      const start = performance.now();
      const error = await install(values).then(
        () => expect.fail('it was installed'),
        (failed: CommandFailed) => failed,
      );
      const ms = performance.now() - start;
      console.log(`    ${(ms / 1000).toFixed(1)} s: ${error.result.stderr.trim()}`);
      expect(error.result.stderr.trim())
        .to.match(says)
        .and.to.match(/Nothing was changed$/)
        .and.not.include('\n');
      expect(ms).to.be.below(REFUSED_MS);
      expect(await inConsul()).to.deep.equal(consul);
      const left = async (): Promise<true | undefined> =>
        JSON.stringify(await labContents(lab).inKubernetes()) === JSON.stringify(kubernetes) || undefined;
      await eventually('nothing is left in Kubernetes', 15_000, left);
    });
  }

  it('installs once that is mended, and its pods call each other by what that Consul says', async () => {
    // From the guide, from its beginning.
    await lab.cluster.kubectl(['delete', 'namespace', NAMESPACE, '--timeout=60s']);
    const section = sectionOf(await guide('install.md'), 'With Consul that is there already');
    const [given = ''] = blocksOf(section, 'yaml');
    const { externalConsul } = parse(given) as { externalConsul: { addresses: string[]; grpc: string } };
    const ours = (text: string): string =>
      text.replaceAll(externalConsul.addresses[0]!, server.address).replaceAll(externalConsul.grpc, server.grpcAddress);
    const { consul, ...values } = parse(readFileSync(valuesFile, 'utf8')) as Record<string, unknown>;
    void consul;
    await writeFile(
      join(shell.folder, 'values.yaml'),
      dump({ ...values, ...(parse(ours(given)) as object), cluster: 'lab' }),
    );
    await writeFile(join(shell.folder, 'ca.crt'), server.caPem!);
    await writeFile(join(shell.folder, 'token'), server.token!);
    const commands = commandsOf(section);
    expect(commands.at(-1)).to.equal('landbridge install -f values.yaml');
    const start = performance.now();
    expect(await shell.sh(ours(commands.join('\n')))).to.include(`ready: Deployment ${NAMESPACE}/landbridge-operator`);
    console.log(`    ready after ${((performance.now() - start) / 1000).toFixed(1)} s`);
    await applySample(lab.cluster);
    await waitForSample(lab.cluster);
    const call = `fetch('http://127.0.0.1:8181/actuator/health').then((answer) => console.log(answer.status))`;
    const exec = ['exec', '-n', SAMPLE_NAMESPACE, 'deployment/frontend', '-c', 'frontend', '--', '/usr/local/bin/node'];
    await eventually('frontend reaches sub-svc', 20_000, async () =>
      (await lab.cluster.kubectl([...exec, '-e', call])) === '200' ? true : undefined,
    );
    const nodes = (await admin.listNodes('k8s.')).map(({ name }) => name);
    expect(nodes).to.include.members(['k8s.lab.shop.frontend', 'k8s.lab.shop.sub-svc']);
    const pods = await lab.cluster.kubectl(['get', 'pods', '-n', NAMESPACE, '-o', 'name']);
    expect(pods, 'no Consul of its own').not.to.include('consul');
  });

  it('leaves those servers as they were found', async () => {
    await lab.cluster.kubectl(['delete', 'namespace', SAMPLE_NAMESPACE, '--timeout=90s']);
    expect(await lab.landbridge(['uninstall', '--yes'], { timeoutMs: 180_000 })).to.match(/nothing is left$/);
    expect(await labContents(lab).inKubernetes()).to.deep.equal([]);
    const { nodes, policies, keys, config } = await inConsul();
    expect({ nodes, keys, policies }).to.deep.equal({
      nodes: ['server-1'],
      keys: [],
      policies: ['builtin/global-read-only', 'global-management'],
    });
    expect(config.flat()).to.deep.equal([]);
  });
});
