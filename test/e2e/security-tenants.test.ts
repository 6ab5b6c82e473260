import { expect } from 'chai';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { meshServices, namespaces, pods, secrets } from '../../clients/kube/resources.ts';
import type { MeshServiceStatus } from '../../crds/mesh-service.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { mayClaimAnnotation } from '../../mesh/names/names.ts';
import { eventually } from '../support/eventually.ts';
import { type LabHolders, answerOf, denied, labHolders } from '../support/lab-holders.ts';
import { podSpec } from '../support/kube/pods.ts';

const EVIL = 'evil';
/** The host that the sample exposes. */
const HOST = 'shop.example';

/** Tries on the lab, as a service account of a namespace, all that a row of docs/security.md rules out. */
describe('a team of another namespace', () => {
  let lab: RunningLab;
  let holders: LabHolders;
  let truth: unknown;

  before(async () => {
    lab = await runningLab();
    holders = await labHolders(lab);
    truth = await holders.held();
    await holders.kube.create(namespaces, { metadata: { name: EVIL, labels: { 'landbridge.dev/mesh': 'enabled' } } });
  });
  after(async () => {
    await lab.cluster.kubectl(['delete', 'meshservices', '--all', '-n', EVIL, '--wait=true', '--timeout=30s']);
    await lab.cluster.kubectl(['delete', 'namespace', EVIL, '--wait=false']);
    await holders.close();
  });
  /** Nothing of it has come to Consul. */
  afterEach(async () => expect(await holders.held()).to.deep.equal(truth));

  /** Somebody of the namespace who has these rights there, and none elsewhere. */
  const tenant = async (name: string, rules: object[]): Promise<KubeClient> => {
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${EVIL}`;
    const account = `/api/v1/namespaces/${EVIL}/serviceaccounts`;
    await holders.kube.request('POST', account, { body: { metadata: { name } } });
    await holders.kube.request('POST', `${path}/roles`, { body: { metadata: { name }, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
    const subjects = [{ kind: 'ServiceAccount', name, namespace: EVIL }];
    await holders.kube.request('POST', `${path}/rolebindings`, { body: { metadata: { name }, roleRef, subjects } });
    const client = await holders.kubeAs(await holders.tokenOf(name, EVIL));
    const [{ apiGroups, resources }] = rules as [{ apiGroups: string[]; resources: string[] }];
    const base = apiGroups[0] === '' ? '/api/v1' : `/apis/${apiGroups[0]}/v1alpha1`;
    const listed = `${base}/namespaces/${EVIL}/${resources[0] === '*' ? 'pods' : resources[0]}`;
    await eventually('the rights are there', 10_000, () => client.request<object>('GET', listed));
    return client;
  };

  it('with rights to make MeshServices takes no name, host, path or status', async () => {
    const resources = ['meshservices', 'meshservices/status'];
    const mallory = await tenant('mallory', [
      { apiGroups: ['landbridge.dev'], resources, verbs: ['*'] },
      // As wide as teams give it: it opens their own Namespace object too.
      { apiGroups: [''], resources: ['*'], verbs: ['*'] },
    ]);
    const attack = (name: string, spec: object = {}, metadata: object = {}): Promise<KubeObject> =>
      mallory.apply(meshServices, {
        metadata: { name, namespace: EVIL, ...metadata },
        spec: {
          protocol: 'http',
          port: 8080,
          workloads: { pods: { selector: { matchLabels: { app: name } } } },
          ...spec,
        },
      });
    const owned = /"sub-svc" in Consul belongs to MeshService shop\/sub-svc/;
    expect(await answerOf(attack('sub-svc'))).to.match(owned);
    expect(await answerOf(attack('second', { service: 'sub-svc' }))).to.match(owned);
    const told = (name: string, type: string, words: RegExp): Promise<true> =>
      eventually(`${type} of ${name} says ${words}`, 15_000, async () => {
        const held = await holders.kube.get<KubeObject & { status?: MeshServiceStatus }>(meshServices, name, EVIL);
        const found = held?.status?.conditions?.find((one) => one.type === type);
        const said = `${found?.status} ${found?.reason}: ${found?.message}`;
        return words.test(said) || Promise.reject(new Error(said));
      });
    const annotations = { [mayClaimAnnotation(EVIL)]: '*' };
    await mallory.patchMerge(namespaces, EVIL, undefined, { metadata: { annotations } });
    await denied('to allow it', mallory.patchMerge(namespaces, NAMESPACE, undefined, { metadata: { annotations } }));
    await attack('grab', { expose: { hosts: [HOST], paths: ['/login'] } });
    await attack('star', { expose: { hosts: ['*.example'], paths: ['/'] } });
    await attack('ledger', {}, { annotations });
    await attack('own', {});
    const theirs = new RegExp(
      `^False NotExposed: .*${HOST.replace('.', '\\.')}.* belongs to namespace ${SAMPLE_NAMESPACE}`,
    );
    await Promise.all([
      told('grab', 'Exposed', theirs),
      told('star', 'Exposed', new RegExp(`^False NotExposed: .*belongs to namespace ${SAMPLE_NAMESPACE}`)),
      told('ledger', 'Synced', /^False NameInUse/),
      told('own', 'Synced', /^True/),
    ]);
    const routes = (await holders.truth.listConfig('http-route')).map(({ entry }) => entry.Name);
    expect(routes).not.to.include.members(['grab']).and.not.to.include.members(['star']);
    // The rights of the table hold no status. With them the API server asks the operator's webhook.
    const forged = { status: { consul: { service: 'sub-svc', node: 'k8s.lab.shop.sub-svc' } } };
    const path = `/apis/landbridge.dev/v1alpha1/namespaces/${EVIL}/meshservices/own/status`;
    const contentType = 'application/merge-patch+json';
    expect(await answerOf(mallory.request('PATCH', path, { body: forged, contentType }))).not.to.equal('done');
    await denied('a MeshService of another', mallory.patchMerge(meshServices, 'sub-svc', SAMPLE_NAMESPACE, forged));
  });

  it('with rights to make pods cannot act as a service of another namespace, and gets no token of such a service', async () => {
    const mallory = await tenant('podmaker', [{ apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['*'] }]);
    const before = await holders.truth.health('sub-svc', { connect: true });
    const labels = { app: 'sub-svc', 'landbridge.dev/mesh-service': 'sub-svc', 'landbridge.dev/inject': 'true' };
    const stolen = { name: 'stolen', secret: { secretName: 'sub-svc-landbridge' } };
    const pod = {
      metadata: { name: 'sub-svc-mine', namespace: EVIL, labels },
      spec: { ...podSpec(['--serve']), volumes: [stolen] },
    };
    const made = await answerOf(mallory.create(pods, pod as never));
    const held = await holders.kube.get<KubeObject & { spec: { initContainers?: unknown } }>(
      pods,
      'sub-svc-mine',
      EVIL,
    );
    expect(held === undefined ? made : held.spec.initContainers, 'no sidecar').to.satisfy(
      (found: unknown) => found === undefined || /MeshService/.test(String(found)),
    );
    await denied('the token', mallory.get(secrets, 'sub-svc-landbridge', SAMPLE_NAMESPACE));
    const given = (await mallory.list<KubeObject>(secrets, { namespace: EVIL })).items.map(
      ({ metadata }) => metadata.name,
    );
    expect(given).not.to.include('sub-svc-landbridge').and.not.to.include('ledger-landbridge');
    const after = await holders.truth.health('sub-svc', { connect: true });
    expect(after.map(({ node, service }) => `${node} ${service.ID}`)).to.have.members(
      before.map(({ node, service }) => `${node} ${service.ID}`),
    );
    await lab.cluster.kubectl(['delete', 'pods', '--all', '-n', EVIL, '--grace-period=0', '--force']);
  });
});
