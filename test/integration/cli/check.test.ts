import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { afterChecks } from '../../../cli/check/after.ts';
import { beforeChecks } from '../../../cli/check/before.ts';
import { openAccessChecks } from '../../../cli/check/open-access.ts';
import { type Check, type Finding, runChecks } from '../../../cli/check/check.ts';
import { type ConsulTarget, type Look, openLook } from '../../../cli/check/look.ts';
import { synthesized } from '../../../cli/synthesized.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import {
  customResourceDefinitions,
  meshServices,
  mutatingWebhookConfigurations,
  namespaces,
  persistentVolumes,
  secrets,
} from '../../../clients/kube/resources.ts';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import { OWNER_META } from '../../../mesh/catalog/entry.ts';
import { edgeNode, edgeOwner } from '../../../mesh/gateways/edge.ts';
import { gatewayNode, gatewayOwner } from '../../../mesh/gateways/terminating.ts';
import { NAMESPACE, SECRETS } from '../../../mesh/installation/installation.ts';
import { clusterNode, clusterOwner } from '../../../mesh/names/names.ts';
import { eventually } from '../../support/eventually.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

type Findings = Map<string, Finding>;

/** The doctor on a real API server and a real Consul. Nodes, CoreDNS and a storage class are missing, and it says so. */
describe('landbridge check', function () {
  this.timeout(120_000);
  let kube: RealKube;
  let server: RealConsul;
  let folder: string;

  before(async () => {
    [kube, server] = await Promise.all([startApiServer(), startConsul({ acl: true, tls: true })]);
    folder = await mkdtemp(join(tmpdir(), 'landbridge-check-'));
  });
  after(async () => {
    await Promise.all([kube?.stop(), server?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  async function found(checks: readonly Check[], look: Look): Promise<Findings> {
    const all: Findings = new Map();
    for await (const finding of runChecks(checks, look)) all.set(finding.check, finding);
    return all;
  }
  async function lookBefore(kubeconfig: string, consulTargets: ConsulTarget[] = []): Promise<Findings> {
    const look = openLook({ kubeconfig }, { manifest: () => synthesized(undefined), consulTargets });
    try {
      return await found(beforeChecks(consulTargets.length > 0), look);
    } finally {
      look.close();
    }
  }
  const results = (findings: Findings): Record<string, string> =>
    Object.fromEntries([...findings].map(([check, { result }]) => [check, result]));

  describe('before an installation', () => {
    it('finds the parts that this cluster has, and the missing ones', async () => {
      const findings = await lookBefore(kube.kubeconfig);
      expect(results(findings)).to.deep.equal({
        'the API server answers': 'ok',
        'the API server is new enough': 'ok',
        'every node can run sidecars': 'ok',
        'the clocks of this machine and the API server agree': 'ok',
        'sidecars are kept in pods': 'ok',
        'the API server reaches pods, as it must reach the webhook': 'warning',
        'there is a storage class for Consul': 'failed',
        'the API server serves every kind of the installation': 'ok',
        'you may create what the installation consists of': 'ok',
        'you may grant what the operator needs': 'ok',
      });
    });

    it('takes a volume that was made by hand for one of the class that is named, while nobody has it', async () => {
      const values = join(folder, 'by-hand.yaml');
      await writeFile(values, 'consul: { storageClass: by-hand }\n');
      const storage = async (): Promise<Finding> => {
        const look = openLook(
          { kubeconfig: kube.kubeconfig },
          { manifest: () => synthesized(values), consulTargets: [] },
        );
        try {
          return (await found(beforeChecks(false), look)).get('there is a storage class for Consul')!;
        } finally {
          look.close();
        }
      };
      const [capacity, local] = [{ storage: '1Gi' }, { path: '/var/local/consul' }];
      const here = { key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] };
      await kube.client.create(persistentVolumes, {
        metadata: { name: 'by-hand' },
        spec: {
          ...{ capacity, local, accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand' },
          nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
        },
      } as KubeObject);
      const becomes = (phase: string): Promise<unknown> =>
        kube.client.request('PATCH', '/api/v1/persistentvolumes/by-hand/status', {
          body: { status: { phase } },
          contentType: 'application/merge-patch+json',
        });
      await becomes('Bound');
      expect(await storage()).to.include({
        result: 'failed',
        detail: 'there is no by-hand and no free volume of it, only none',
      });
      await becomes('Available');
      expect(await storage()).to.include({ result: 'ok', detail: 'by-hand' });
    });

    it('names every right that somebody lacks', async () => {
      const findings = await lookBefore(await kube.kubeconfigFor({ user: 'nobody' }));
      const lacking = findings.get('you may create what the installation consists of')!;
      expect(lacking.result).to.equal('failed');
      for (const one of ['create customresourcedefinitions.apiextensions.k8s.io', 'patch deployments.apps'])
        expect(lacking.detail).to.contain(one);
      expect(findings.get('you may grant what the operator needs')!.result).to.equal('failed');
    });

    it('tells the right to make a cluster role from the right to grant what is in it', async () => {
      const rules = [
        { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['create', 'patch'] },
      ];
      await kube.client.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
        body: { metadata: { name: 'role-maker' }, rules },
      });
      await kube.client.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        body: {
          metadata: { name: 'role-maker' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'role-maker' },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'role-maker' }],
        },
      });
      const kubeconfig = await kube.kubeconfigFor({ user: 'role-maker' });
      const lacking = await eventually('the role is in force', 10_000, async () => {
        const finding = (await lookBefore(kubeconfig)).get('you may create what the installation consists of')!;
        return finding.detail.includes('create clusterroles.') ? undefined : finding;
      });
      expect(lacking.detail).to.contain('create clusterrolebindings.');
      const granting = (await lookBefore(kubeconfig)).get('you may grant what the operator needs')!;
      expect(granting.detail).to.match(/attempting to grant RBAC permissions not currently held/);
    });

    describe('with an external Consul', () => {
      const target = (more: Partial<ConsulTarget> = {}): ConsulTarget => ({
        address: server.address,
        caPem: server.caPem!,
        serverName: server.serverName,
        ...more,
      });
      const consulPart = async (one: ConsulTarget) => {
        const findings = await lookBefore(kube.kubeconfig, [one]);
        return [...findings.values()].filter(({ check }) => check.includes('external Consul'));
      };

      it('finds one in order, and that its certificate will not last (the test server has one for a day)', async () => {
        const findings = await consulPart(target());
        expect(findings.map(({ result }) => result)).to.deep.equal(['ok', 'warning', 'ok', 'ok']);
        expect(findings[1]!.detail).to.match(/ [01] days left$/);
      });
      it('tells a wrong CA', async () => {
        const { certPem } = await createAuthority('another', { nowMs: Date.now(), days: 10 });
        const findings = await consulPart(target({ caPem: certPem }));
        expect(findings.map(({ result }) => result)).to.deep.equal(['ok', 'failed', 'ok', 'ok']);
        expect(findings[1]!.detail).to.contain('--consul-ca');
      });
      it('tells a wrong name', async () => {
        const findings = await consulPart(target({ serverName: 'consul.example' }));
        expect(findings.map(({ result }) => result)).to.deep.equal(['ok', 'warning', 'failed', 'ok']);
        expect(findings[2]!.detail).to.contain('consul.example');
      });
      it('distinguishes a closed port, a port without TLS, and text that is not an address', async () => {
        expect((await consulPart(target({ address: '127.0.0.1:1' })))[0]!.detail).to.contain('ECONNREFUSED');
        const plain = await startConsul({});
        try {
          expect((await consulPart(target({ address: plain.address })))[0]!.detail).to.contain('is it the HTTPS port?');
        } finally {
          await plain.stop();
        }
        expect((await consulPart(target({ address: 'consul.example' })))[0]!.detail).to.contain('is not host:port');
      });
    });
  });

  describe('after an installation', () => {
    const secret = (name: string, data: Record<string, string>): KubeObject => ({
      metadata: { name, namespace: NAMESPACE },
      data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
    });

    before(async () => {
      await kube.client.create(namespaces, { metadata: { name: NAMESPACE } });
      await kube.client.create(namespaces, {
        metadata: { name: 'shop', labels: { 'landbridge.dev/mesh': 'enabled' } },
      });
      await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
      await eventually('the kind is served', 20_000, async () => (await kube.client.list(meshServices)) !== undefined);
      const installed = (await synthesized(undefined)) as KubeObject[];
      const operator = installed.find(
        ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'landbridge-operator',
      );
      await kube.client.request('POST', `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`, { body: operator });
      const webhook = installed.find(({ kind }) => kind === 'MutatingWebhookConfiguration')!;
      const ca = await createAuthority('webhook', { nowMs: Date.now(), days: 3650 });
      const leaf = await issue(ca, { commonName: 'w', usage: 'server', nowMs: Date.now(), days: 20 });
      (webhook as never as { webhooks: { clientConfig: { caBundle?: string } }[] }).webhooks[0]!.clientConfig.caBundle =
        Buffer.from(ca.certPem).toString('base64');
      await kube.client.create(mutatingWebhookConfigurations, webhook);
      await kube.client.create(
        secrets,
        secret('landbridge-webhook-cert', { 'ca.crt': ca.certPem, 'tls.crt': leaf.certPem }),
      );
      const ended = await createAuthority('ended', { nowMs: Date.now() - 400 * 86_400_000, days: 365 });
      await kube.client.create(secrets, secret(SECRETS.consulCa, { 'ca.crt': ended.certPem }));
      await kube.client.create(meshServices, {
        apiVersion: 'landbridge.dev/v1alpha1',
        kind: 'MeshService',
        metadata: { name: 'sub-svc', namespace: 'shop' },
        spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: 'sub-svc' } } } } },
      });
      const sidecarSecret = (name: string, until: string): KubeObject => ({
        metadata: {
          name,
          namespace: 'shop',
          labels: { 'app.kubernetes.io/managed-by': 'landbridge' },
          annotations: { 'landbridge.dev/token-life': `2020-01-01T00:00:00Z/${until}` },
        },
      });
      await kube.client.create(secrets, sidecarSecret('sub-svc-landbridge', '2020-01-01T01:00:00Z'));
      await kube.client.create(secrets, sidecarSecret('gone-landbridge', '2999-01-01T00:00:00Z'));
    });

    async function looked(): Promise<Findings> {
      const consul = server.connect();
      const look = openLook({ kubeconfig: kube.kubeconfig }, { manifest: async () => [], consulTargets: [] });
      try {
        // Without a kubelet a tunnel to a pod is impossible, so the same Consul is asked directly.
        return await found(afterChecks, { ...look, consul: async () => consul });
      } finally {
        consul.close();
        look.close();
      }
    }

    it('finds each thing that is wrong, with a hint', async () => {
      const consul = server.connect();
      const owner = (name: string) => ({ [OWNER_META]: `k8s/lab/shop/${name}` });
      const node = (name: string) => ({ Node: `k8s.lab.shop.${name}`, Address: '10.0.0.1', Meta: owner(name) });
      const entry = (name: string) => ({
        Kind: 'service-defaults' as const,
        Name: name,
        Meta: owner(name),
        Protocol: 'http',
      });
      const claimed = { [OWNER_META]: clusterOwner('lab') };
      const outcomes = await consul.apply([
        { op: 'set-node', node: node('sub-svc') },
        { op: 'set-node', node: node('orphan') },
        { op: 'set-node', node: { ...node('foreign'), Meta: {} } },
        { op: 'set-node', node: { ...node('claim'), Node: clusterNode('lab'), Meta: claimed } },
        {
          op: 'set-node',
          node: { ...node('edge'), Node: edgeNode('lab'), Meta: { [OWNER_META]: edgeOwner('lab') } },
        },
        {
          op: 'set-node',
          node: { ...node('gateway'), Node: gatewayNode('lab'), Meta: { [OWNER_META]: gatewayOwner('lab') } },
        },
        { op: 'set-config', entry: entry('orphan'), modifyIndex: 0 },
        { op: 'set-config', entry: entry('sub-svc'), modifyIndex: 0 },
        { op: 'set-config', entry: { ...entry('edge'), Meta: { [OWNER_META]: edgeOwner('lab') } }, modifyIndex: 0 },
      ]);
      consul.close();
      expect(outcomes.filter(({ ok }) => !ok)).to.deep.equal([]);
      const findings = await looked();
      const detail = (check: string): string => {
        const { result, detail: words, hint } = findings.get(check)!;
        expect(result !== 'ok', `${check} has a hint`).to.equal(hint !== undefined);
        return `${result}: ${words}`;
      };
      expect(detail('the MeshService CRD is installed')).to.equal('ok: v1alpha1');
      expect(detail('the operator runs')).to.match(/^failed: 0\/2 ready/);
      expect(detail('the bridge runs')).to.equal('ok: not installed');
      expect(detail('the terminating gateway runs')).to.equal('ok: not installed');
      expect(detail('the injection webhook is trusted by the API server')).to.equal('ok: ');
      expect(detail('the injection webhook answers')).to.match(
        /^failed: .*failed calling webhook "injector.landbridge.dev"/,
      );
      expect(detail('Consul has a leader')).to.match(/^ok: 127/);
      expect(detail('a namespace has opted in to the mesh')).to.equal('ok: shop');
      expect(detail('every MeshService is in Consul as it asks')).to.equal(
        'failed: shop/sub-svc (the operator has not looked at it yet)',
      );
      expect(detail("the webhook's CA is good for a while")).to.match(/^ok: 36\d\d days left/);
      expect(detail("the webhook's certificate is good for a while")).to.match(/^warning: (19|20) days left/);
      expect(detail("Consul's CA is good for a while")).to.match(/^failed: it ended 3[56] days ago/);
      expect(detail("every sidecar Secret is a MeshService's, with a token that is good")).to.equal(
        'warning: shop/gone-landbridge (its MeshService is gone); ' +
          'shop/sub-svc-landbridge (its token ended 2020-01-01T01:00:00.000Z)',
      );
      expect(detail("everything of ours in Consul is a MeshService's or a machine's")).to.equal(
        'warning: node k8s.lab.shop.orphan; service-defaults orphan of k8s/lab/shop/orphan',
      );
    });

    it('asks Consul for the token of each sidecar Secret', async () => {
      const consul = server.connect();
      const name = 'Consul knows the token in every sidecar Secret';
      const withToken = (token: string) => ({
        metadata: {
          name: 'tokens-landbridge',
          namespace: 'shop',
          labels: { 'app.kubernetes.io/managed-by': 'landbridge' },
          annotations: {
            'landbridge.dev/token-life': '2020-01-01T00:00:00Z/2999-01-01T00:00:00Z',
            'landbridge.dev/token-service': 'tokens',
          },
        },
        data: { token: Buffer.from(token).toString('base64') },
      });
      try {
        const secretId = 'e4b1ddc0-0000-4000-8000-00000000c0de';
        const accessorId = 'e4b1ddc0-0000-4000-8000-0000000acce5';
        await consul.acl.upsertToken({ accessorId, secretId, description: 'check', policies: [] });
        await kube.client.create(secrets, withToken(secretId));
        expect((await looked()).get(name)).to.include({ result: 'ok', detail: '1 of them' });
        await consul.acl.deleteToken(accessorId);
        const finding = (await looked()).get(name)!;
        expect(finding.result).to.equal('failed');
        expect(finding.detail).to.include('shop/tokens-landbridge').and.not.include(secretId);
      } finally {
        consul.close();
        await kube.client.delete(secrets, 'tokens-landbridge', 'shop');
      }
    });

    it('tells of intentions and of a default policy that open services past spec.access', async () => {
      const check = 'nothing in Consul opens services past spec.access';
      expect((await looked()).get(check)).to.deep.equal({ check, result: 'ok', detail: '' });
      const consul = server.connect();
      const Sources = [
        { Name: 'backdoor', Action: 'allow' },
        { Name: 'refused', Action: 'deny' },
        { Name: '*', Action: 'allow' },
      ];
      const entry = { Kind: 'service-intentions' as const, Name: '*', Sources, Meta: {} };
      await consul.apply([{ op: 'set-config', entry, modifyIndex: 0 }]);
      expect((await looked()).get(check)).to.include({
        result: 'warning',
        hint: 'access-opened-elsewhere',
        detail:
          'service-intentions "*" lets backdoor call every service, those of MeshServices too; service-intentions "*" lets everybody call every service that no MeshService describes',
      });
      const { modifyIndex } = (await consul.readConfig('service-intentions', '*'))!;
      await consul.apply([{ op: 'delete-config', kind: 'service-intentions', name: '*', modifyIndex }]);
      consul.close();
      const allowing = await startConsul({});
      try {
        const opened = allowing.connect();
        const look = openLook({ kubeconfig: kube.kubeconfig }, { manifest: async () => [], consulTargets: [] });
        const findings = await found(openAccessChecks, { ...look, consul: async () => opened });
        opened.close();
        look.close();
        expect(findings.get(check)!.detail).to.contain('the default policy of Consul is to allow');
      } finally {
        await allowing.stop();
      }
    });

    it('tells of entries of another hand that change the whole mesh', async () => {
      const check = 'no entry for the whole mesh changes what MeshServices ask for';
      expect((await looked()).get(check)).to.deep.equal({ check, result: 'ok', detail: '' });
      const consul = server.connect();
      const MergeSlashes = { Incoming: { RequestNormalization: { MergeSlashes: true } } };
      await writeByHand(server, { Kind: 'mesh', HTTP: MergeSlashes });
      await writeByHand(server, {
        ...{ Kind: 'proxy-defaults', Name: 'global', Config: { local_idle_timeout_ms: 0 }, Expose: { Checks: true } },
      });
      expect((await looked()).get(check)).to.include({
        result: 'warning',
        hint: 'mesh-wide-entries',
        detail:
          'proxy-defaults/global: Expose opens paths of every service in plain text, past spec.access; mesh/mesh: MergeSlashes makes one slash of several in a path before the app sees it',
      });
      for (const [kind, name] of [
        ['mesh', 'mesh'],
        ['proxy-defaults', 'global'],
      ] as const) {
        const { modifyIndex } = (await consul.readConfig(kind, name))!;
        await consul.apply([{ op: 'delete-config', kind, name, modifyIndex }]);
      }
      consul.close();
    });

    it('counts a Ready condition only when it is of the present generation', async () => {
      const condition = (type: string) => ({
        type,
        status: 'True',
        reason: 'Synced',
        message: '',
        lastTransitionTime: '2030-01-01T00:00:00Z',
      });
      const conditions = ['Ready', 'Synced', 'Injected'].map(condition);
      await kube.client.patchStatus(meshServices, 'sub-svc', 'shop', { observedGeneration: 1, conditions });
      expect((await looked()).get('every MeshService is ready')!.result).to.equal('ok');
      await kube.client.patchMerge(meshServices, 'sub-svc', 'shop', { spec: { port: 8081 } });
      expect((await looked()).get('every MeshService is ready')!.result).to.equal('failed');
    });

    it('says so when the webhook configuration trusts another CA', async () => {
      const other = await createAuthority('other', { nowMs: Date.now(), days: 10 });
      await kube.client.patchJson(mutatingWebhookConfigurations, 'landbridge-injector', undefined, [
        {
          op: 'replace',
          path: '/webhooks/0/clientConfig/caBundle',
          value: Buffer.from(other.certPem).toString('base64'),
        },
      ]);
      expect((await looked()).get('the injection webhook is trusted by the API server')!.detail).to.contain(
        'another CA',
      );
    });
  });

  describe('without a cluster to look at', () => {
    const run = (env: Record<string, string>, ...args: string[]) =>
      new Promise<{ code: number; stderr: string; stdout: string }>((resolve) => {
        execFile(
          process.execPath,
          ['--import', 'tsx', 'cli/main.ts', ...args],
          { env: { PATH: process.env.PATH, HOME: folder, ...env } },
          (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
        );
      });
    it('says what to do without a kubeconfig, and ends with 2', async () => {
      const { code, stderr } = await run({}, 'check');
      expect(code).to.equal(2);
      expect(stderr).to.match(/^error: there is no kubeconfig: name one with --kubeconfig/m);
    });
    it('says what to do when the API server is away, and ends with 2', async () => {
      const kubeconfig = join(folder, 'away');
      await writeFile(kubeconfig, readFileSync(kube.kubeconfig, 'utf8').replace(/https:\S+/, 'https://127.0.0.1:1'));
      const { code, stdout } = await run({ KUBECONFIG: kubeconfig }, 'check', '-o', 'json');
      expect(code).to.equal(2);
      const findings = JSON.parse(stdout) as Finding[];
      expect(findings.map(({ hint }) => hint)).to.deep.equal(['api-server-does-not-answer']);
    });
    for (const command of [['status'], ['plan'], ['vm', 'list']]) {
      it(`tells users of ${command.join(' ')} the same in words`, async () => {
        const { code, stderr } = await run({ KUBECONFIG: join(folder, 'away') }, ...command);
        expect(code).to.equal(1);
        expect(stderr).to.match(
          /^error: GET .*: connect ECONNREFUSED 127.0.0.1:1\n {2}the API server does not answer: is the cluster up/,
        );
      });
    }
  });
});

/** As another program would: an entry of a kind that Landbridge does not write. */
async function writeByHand({ address, serverName, caPem, token }: RealConsul, entry: object): Promise<void> {
  const [host, port] = address.split(':');
  const headers = { 'x-consul-token': token };
  const asked = request({ host, port, servername: serverName, ca: caPem, path: '/v1/config', method: 'PUT', headers });
  asked.end(JSON.stringify(entry));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  expect(answer.statusCode).to.equal(200);
}
