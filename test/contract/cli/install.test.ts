import { expect } from 'chai';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import type { ValuesInput } from '../../../charts/values/schema.ts';
import { discoverer } from '../../../clients/kube/discover.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, namespaces, secrets } from '../../../clients/kube/resources.ts';
import { install } from '../../../cli/install/install.ts';
import { everythingOf } from '../../../cli/install/residue.ts';
import { uninstall } from '../../../cli/install/uninstall.ts';
import { FINALIZER } from '../../../mesh/names/names.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

/** The real API server; no controller runs, so nothing becomes ready, and nothing is waited for. */
describe('landbridge install, upgrade and uninstall', function () {
  this.timeout(120_000);
  let kube: RealKube;
  let lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  // Without its controller a namespace would be terminating for ever.
  const objectsOf = (values: ValuesInput) =>
    synthesize(parseValues({ createNamespace: false, ...values })) as KubeObject[];
  const run = async (values: ValuesInput, planOnly = false): Promise<number> => {
    lines = [];
    const openServers = () => Promise.reject(new Error('no Consul server runs here'));
    return install({ kube: kube.client, objects: objectsOf(values), planOnly, timeoutMs: 0, openServers, say });
  };
  const remove = async (more: { keepCrds?: boolean; yes?: boolean; planOnly?: boolean } = {}) => {
    lines = [];
    return uninstall({
      kube: kube.client,
      keepCrds: more.keepCrds ?? false,
      planOnly: more.planOnly ?? false,
      timeoutMs: 3000,
      confirm: async () => more.yes ?? true,
      say,
    });
  };
  const everything = () => everythingOf(kube.client, discoverer(kube.client));
  const namesOf = (objects: KubeObject[]): string[] => objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

  before(async () => {
    kube = await startApiServer();
    await kube.client.create(namespaces, { metadata: { name: 'shop' } });
  });
  after(() => kube?.stop());

  it('say so when the namespace is not there and is not to be made', async () => {
    const error = await run({}).catch((failed: unknown) => failed);
    expect((error as Error).message).to.include('kubectl create namespace landbridge');
    expect(await everything()).to.deep.equal([]);
    await kube.client.create(namespaces, { metadata: { name: 'landbridge' } });
  });

  it('plan everything as new, write nothing for it, and install it', async () => {
    expect(await run({}, true)).to.equal(objectsOf({}).length);
    expect(lines[0]).to.equal(`${objectsOf({}).length} to create:`);
    expect(await everything()).to.deep.equal([]);
    await run({});
    expect(namesOf(await everything())).to.have.members(namesOf(objectsOf({})));
  });

  it('change nothing when run again with the same values', async () => {
    expect(await run({})).to.equal(0);
    expect(lines.join()).to.include('nothing has to be changed');
  });

  it('show what other values change, field by field, and take away what they no longer want', async () => {
    const changed = await run({ operator: { replicas: 1 }, logLevel: 'debug' }, true);
    const text = lines.join('\n');
    expect(text).to.match(/~ Deployment landbridge\/landbridge-operator\n.*\/spec\/replicas/);
    expect(text).to.include('- PodDisruptionBudget landbridge/landbridge-operator');
    expect(text)
      .to.match(/\+ Job landbridge\/landbridge-bootstrap-\w+/)
      .and.match(/- Job landbridge\/landbridge-bootstrap-\w+/);
    expect(await run({ operator: { replicas: 1 }, logLevel: 'debug' })).to.equal(changed);
    expect(await run({ operator: { replicas: 1 }, logLevel: 'debug' })).to.equal(0);
  });

  it('name the object that the API server refuses, before anything is written', async () => {
    const error = await run({ nodeSelector: { 'no label': 'x' }, logLevel: 'warn' }).catch((failed: unknown) => failed);
    expect((error as Error).message).to.match(
      /^(Job|StatefulSet|Deployment) landbridge\/.* is refused, and nothing was changed: .*no label/s,
    );
    expect(await run({ operator: { replicas: 1 }, logLevel: 'debug' })).to.equal(0);
  });

  it('refuse another cluster name before anything is written, and say the way round', async () => {
    const error = await run({ operator: { replicas: 1 }, logLevel: 'debug', cluster: 'other' }).catch(
      (failed: unknown) => failed,
    );
    expect((error as Error).message).to.match(/^cluster cannot change from lab to other.*\nNothing was changed$/);
    expect(await run({ operator: { replicas: 1 }, logLevel: 'debug' })).to.equal(0);
  });

  it("take everything away, also what processes made, and leave what is the user's", async () => {
    const spec = { workloads: { pods: { selector: { matchLabels: { app: 'web' } } } }, port: 80 };
    await kube.client.create(meshServices, {
      apiVersion: 'landbridge.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name: 'web', namespace: 'shop', finalizers: [FINALIZER] },
      spec,
    });
    const secret = (name: string, namespace: string, labels = {}) =>
      kube.client.create(secrets, { metadata: { name, namespace, labels }, data: {} });
    await secret('web-landbridge', 'shop', { 'app.kubernetes.io/managed-by': 'landbridge' });
    await secret('landbridge-operator', 'landbridge');
    await secret('mine', 'landbridge');

    expect((await remove({ planOnly: true })).length).to.be.greaterThan(20);
    const refused = await remove({ yes: false }).catch((failed: unknown) => failed);
    expect((refused as Error).message).to.equal('nothing was deleted');
    expect(namesOf(await everything())).to.include('MeshService web');

    expect(namesOf(await remove())).to.deep.equal([]);
    expect(lines.at(-1)).to.equal('nothing is left');
    expect(await kube.client.get(secrets, 'mine', 'landbridge')).not.to.equal(undefined);
    expect(await everything()).to.deep.equal([]);
    expect(await remove()).to.deep.equal([]);
    expect(lines).to.deep.equal(['nothing of Landbridge is here']);
  });

  it('keep MeshServices with the CRDs, and nothing that would hold them for ever', async () => {
    await run({});
    await kube.client.create(meshServices, {
      apiVersion: 'landbridge.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name: 'web', namespace: 'shop', finalizers: [FINALIZER] },
      spec: { workloads: { pods: { selector: { matchLabels: { app: 'web' } } } }, port: 80 },
    });
    expect(await remove({ keepCrds: true })).to.deep.equal([]);
    const kept = (await kube.client.get<KubeObject>(meshServices, 'web', 'shop'))!;
    expect(kept.metadata.finalizers).to.equal(undefined);
  });

  it('leave a Helm release to Helm', async () => {
    await run({});
    const path = '/apis/apps/v1/namespaces/landbridge/deployments/landbridge-operator';
    const metadata = {
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'lb', 'meta.helm.sh/release-namespace': 'ops' },
    };
    await kube.client.request('PATCH', path, { body: { metadata }, contentType: 'application/merge-patch+json' });
    for (const attempt of [() => run({}), () => remove()]) {
      const error = await attempt().catch((failed: unknown) => failed);
      expect((error as Error).message).to.include(
        'belongs to the Helm release lb: helm upgrade or helm uninstall lb -n ops',
      );
    }
  });
});
