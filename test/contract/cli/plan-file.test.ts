import { execFile } from 'node:child_process';
import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { planText } from '../../../cli/commands/plan.ts';
import {
  customResourceDefinitions,
  deployments,
  ingresses,
  meshServices,
  namespaces,
  networkPolicies,
  services,
} from '../../../clients/kube/resources.ts';
import { judgeApply } from '../../../cli/judge-apply.ts';
import { parseManifest } from '../../../cli/manifest/read-manifests.ts';
import { meshServicesAsked } from '../../../cli/plan/asked.ts';
import { type Planned, planner } from '../../../cli/plan/planner.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeConsul } from '../../support/fake-consul/fake-consul.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

type Spec = Record<string, unknown>;

const POD = { pods: { selector: { matchLabels: { app: 'web' } } } };
const meshService = (name: string, spec: Spec): KubeObject =>
  ({
    apiVersion: 'landbridge.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name, namespace: 'shop' },
    spec: { protocol: 'http', port: 8080, workloads: POD, ...spec },
  }) as unknown as KubeObject;

const UPSTREAMS = [
  { service: 'add', localPort: 9001 },
  { service: 'sub', localPort: 9002 },
];

/** The spec that is applied first, the spec of the file, and the words of a refusal. */
const EDITS: [string, Spec, Spec, RegExp?][] = [
  ['an upstream that is renamed', { upstreams: UPSTREAMS }, { upstreams: [{ service: 'mul', localPort: 9001 }] }],
  ['upstreams that are taken out', { upstreams: UPSTREAMS }, {}],
  ['a host that is exchanged', { expose: { hosts: ['a.example'] } }, { expose: { hosts: ['b.example'] } }],
  [
    'sites that are exchanged',
    { workloads: { external: { sites: ['r1'] } } },
    { workloads: { external: { sites: ['r2'] } } },
  ],
  ['pods in the place of sites', { workloads: { external: { sites: ['r1'] } } }, {}],
  ['a label that is exchanged', {}, { workloads: { pods: { selector: { matchLabels: { tier: 'x' } } } } }],
  ['access that is taken out', { access: [{ from: 'a' }] }, {}],
  ['nothing that is new', { upstreams: UPSTREAMS }, { upstreams: UPSTREAMS }],
  [
    'two upstreams on one port',
    {},
    { upstreams: [UPSTREAMS[0]!, { service: 'sub', localPort: 9001 }] },
    /two upstreams have the same localPort/,
  ],
  ['a field that is misspelt', {}, { acess: [] }, /^unknown field "spec\.acess"; did you mean "access"\?$/],
  [
    'a field that is misspelt further in',
    {},
    { access: [{ form: 'a' }] },
    /unknown field "spec\.access\[0\]\.form"; did you mean "from"\?/,
  ],
  ['another protocol', {}, { protocol: 'htttp' }, /supported values/],
];

describe('landbridge plan -f', function () {
  this.timeout(120_000);
  let kube: RealKube;
  let kubectl: string;

  before(async () => {
    kube = await startApiServer();
    kubectl = await ensurePart('kubectl', silent);
    for (const name of ['shop', 'landbridge']) await kube.client.create(namespaces, { metadata: { name } });
    await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
    await eventually(
      'the kind is served',
      20_000,
      async () => (await kube.client.list(meshServices, { namespace: 'shop' })) !== undefined,
    );
    await kube.client.create(deployments, operator('berlin'));
  });
  after(async () => kube?.stop());

  const run = (args: string[], input: object): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const child = execFile(kubectl, ['--kubeconfig', kube.kubeconfig, ...args], (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : 1, stdout, stderr }),
      );
      child.stdin!.end(JSON.stringify(input));
    });

  EDITS.forEach(([what, first, then, refusal], index) => {
    it(`judges ${what} as the real kubectl apply does`, async () => {
      const name = `edit-${index}`;
      expect((await run(['apply', '-f', '-'], meshService(name, first))).stderr).to.equal('');
      const theirs = await run(['apply', '--dry-run=server', '-o', 'json', '-f', '-'], meshService(name, then));
      const ours = await judgeApply(kube.client, meshService(name, then), 'shop');
      expect(theirs.code === 0).to.equal(refusal === undefined);
      if (refusal !== undefined) return expect(ours.refusal?.message).to.match(refusal);
      expect(ours.refusal).to.equal(undefined);
      expect((ours.after as never as { spec: Spec }).spec).to.deep.equal(
        (JSON.parse(theirs.stdout) as { spec: Spec }).spec,
      );
    });
  });

  describe('with several objects in a file', () => {
    const planned = async (objects: KubeObject[]): Promise<Planned[]> => {
      const text = objects.map((object) => JSON.stringify(object)).join('\n---\n');
      const asked = meshServicesAsked([parseManifest('web.yaml', text)], 'shop', undefined);
      const all: Planned[] = [];
      for await (const one of (await planner(kube.client, fakeConsul().consul, undefined)).ofFiles(asked))
        all.push(one);
      return all;
    };

    it('plans for the cluster by its own name', async () => {
      const [one] = await planned([meshService('named', {})]);
      expect(JSON.stringify(one!.plan)).to.include('berlin').and.not.to.include('lab');
    });

    it('warns of a MeshService that selects the pods of an older one', async () => {
      const selector = { matchLabels: { app: 'of-two' } };
      const both = ['of-two', 'of-two-again'].map((name) => meshService(name, { workloads: { pods: { selector } } }));
      const [first, second] = await planned(both);
      for (const one of [first!, second!])
        expect(planText(one)).to.match(/! MeshServices of-two and of-two-again select the same pods/);
      expect(planText((await planned([both[0]!]))[0]!)).not.to.contain('select the same pods');
    });

    it('shows the NetworkPolicy that closes doors, and names what it cuts before it is there', async () => {
      const port = { port: 80, targetPort: 8080 };
      await kube.client.create(services, {
        metadata: { name: 'closed', namespace: 'shop' },
        spec: { selector: { app: 'web' }, ports: [port] },
      } as never);
      const backend = { service: { name: 'closed', port: { number: 80 } } };
      await kube.client.create(ingresses, {
        metadata: { name: 'front', namespace: 'shop' },
        spec: { rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] },
      } as never);
      const strict = meshService('closed', { mutualTLS: 'Strict', plaintextPorts: ['metrics'] });
      const [first] = await planned([strict]);
      expect(first!.policy).to.equal(
        'make NetworkPolicy closed-landbridge: admits port 20000, 20200, metrics and no other',
      );
      expect(planText(first!))
        .to.contain('make NetworkPolicy closed-landbridge')
        .and.to.contain('! Ingress front (to Service closed) leads to a port of the app')
        .and.to.contain('! Service closed (ClusterIP, to port 8080) leads to a port of the app');
      // Without a mark, and with an operator that is told of no mode, those that say nothing are as before.
      expect((await planned([meshService('closed', {})]))[0]!.policy).to.equal(undefined);
      await kube.client.create(networkPolicies, {
        metadata: { name: 'closed-landbridge', namespace: 'shop' },
        spec: { podSelector: {} },
      } as never);
      const [foreign] = await planned([strict]);
      expect(foreign!.policy).to.equal(undefined);
      expect(foreign!.problems.join()).to.contain('NetworkPolicy closed-landbridge is of another hand');
    });

    it('stops at none, and hides none behind another', async () => {
      const all = await planned([
        meshService('bad', { acess: [] }),
        meshService('good', {}),
        meshService('worse', { port: 0 }),
      ]);
      expect(all.map(({ key, refusals }) => [key, refusals.length])).to.deep.equal([
        ['shop/bad', 1],
        ['shop/good', 0],
        ['shop/worse', 1],
      ]);
    });

    it('takes a namespace that the file makes first, and refuses one that nobody makes', async () => {
      const away = meshService('first', {});
      Object.assign(away.metadata, { namespace: 'new-team' });
      const namespace = {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'new-team' },
      } as unknown as KubeObject;
      const [one] = await planned([namespace, away]);
      expect([one!.refusals, one!.plan?.changes.length]).to.deep.equal([[], 5]);
      const [alone] = await planned([away]);
      expect(alone!.refusals[0]).to.include('namespaces "new-team" not found');
      const [late] = await planned([away, namespace]);
      expect(late!.refusals[0]).to.include('namespaces "new-team" not found');
    });

    it('judges each by what the file has said before it', async () => {
      const twice = await planned([meshService('one', { service: 'same' }), meshService('two', { service: 'same' })]);
      expect(twice[0]!.refusals).to.deep.equal([]);
      expect(twice[1]!.refusals[0]).to.include('the name "same" in Consul belongs to MeshService shop/one');
      const joined = await planned([
        meshService('other', { protocol: 'tcp' }),
        meshService('route', { traffic: { routes: [{ name: 'r', pathPrefix: '/', service: 'other' }] } }),
      ]);
      expect(joined[1]!.refusals[0]).to.include('joins only services of one protocol');
    });
  });
});

const operator = (cluster: string): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'landbridge-operator', namespace: 'landbridge' },
    spec: {
      selector: { matchLabels: { app: 'o' } },
      template: {
        metadata: { labels: { app: 'o' } },
        spec: { containers: [{ name: 'o', image: 'o', env: [{ name: 'LANDBRIDGE_CLUSTER', value: cluster }] }] },
      },
    },
  }) as unknown as KubeObject;
