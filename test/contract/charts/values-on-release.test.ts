import { expect } from 'chai';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import type { KubeClient } from '../../../clients/kube/client.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import {
  customResourceDefinitions,
  deployments,
  namespaces,
  persistentVolumeClaims,
  statefulSets,
  storageClasses,
} from '../../../clients/kube/resources.ts';
import { install } from '../../../cli/install/install.ts';
import { INSTALL_MANAGER } from '../../../cli/install/plan-install.ts';
import { CONSUL_SERVER_SERVICE, NAMESPACE } from '../../../mesh/installation/installation.ts';
import { consulClaim } from '../../../mesh/installation/reshape.ts';
import { applyManifest, resourceOf } from '../../support/kube/apply-manifest.ts';
import { eventually } from '../../support/eventually.ts';
import { isHook, isKept, helmUpgrade as upgradeAsHelm } from '../../support/rigs/helm-upgrade.ts';
import { podMonitorCrd } from '../../support/kube/pod-monitor-crd.ts';
import { letOrphansGo } from '../../support/orphans.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';
import { type ValueChange, valueChanges, withValue } from '../../support/value-changes.ts';
import { everything } from '../../unit/charts/objects.ts';

/** Every part is there, so that every value matters. */
const base = {
  ...everything,
  networkPolicies: true,
  imagePullSecrets: ['pull'],
  metrics: { podMonitor: { enabled: true } },
  operator: { replicas: 3 },
  bridge: { ...everything.bridge, replicas: 2 },
  consul: { ...everything.consul, storageClass: 'fast' },
};
const external = {
  ...base,
  externalConsul: {
    enabled: true,
    addresses: ['consul.example:8501'],
    grpc: 'consul.example:8503',
    dns: 'consul.example:8600',
    ca: { name: 'consul-ca' },
    token: { name: 'consul-token' },
  },
};
/** Other values that a change needs. */
const along: Record<string, object> = { 'externalConsul.enabled': external };

/** Refused before anything is touched, by Helm's chart and by the program. Every other value just works. */
const refused: Record<string, RegExp> = {
  cluster: /^cluster cannot change/,
  'externalConsul.enabled': /^externalConsul\.enabled cannot change/,
  'consul.storageClass': /^consul\.storageClass cannot change/,
  'priorityClass.create': /^priorityClass\.create cannot become false/,
};
/** The way back is refused here: a volume does not shrink, and the servers that would leave do not run. */
const oneWay: Record<string, RegExp> = {
  'consul.storage': /^consul\.storage cannot become less/,
  'consul.servers': /^no Consul server runs here/,
};
/** Objects are made again for these. */
const renewed = /^consul\.(servers|storage)$|^priorityClass/;
const ofOwnServers = valueChanges(parseValues(base)).filter(
  ({ key }) => key !== 'consul.servers' && !/^externalConsul\.[^e]/.test(key),
);
/** Only Helm refuses these: the program never deletes a namespace. */
const refusedToHelm: Record<string, RegExp> = { createNamespace: /^createNamespace cannot become false yet/ };

/**
 * Kubernetes refuses changes of some fields. Each value of the chart is changed on a release that is there, and back, by
 * Helm's chart with its hook and by `landbridge upgrade`, on a real API server. No controller runs.
 */
describe('A release that is there, on a real API server', function () {
  this.timeout(300_000);
  let kube: RealKube;
  /** The account of Helm's hook, with its rights and no others. */
  let upgrader: KubeClient;
  const stop = new AbortController();

  before(async () => {
    kube = await startApiServer();
    const user = `system:serviceaccount:${NAMESPACE}:landbridge-upgrade`;
    upgrader = await kube.clientFor({ user, groups: ['system:serviceaccounts', 'system:authenticated'] });
    letOrphansGo(kube.client, stop.signal);
    for (const name of [NAMESPACE, 'shop']) await kube.client.create(namespaces, { metadata: { name } });
    await kube.client.create(customResourceDefinitions, podMonitorCrd);
    await kube.client.create(storageClasses, {
      metadata: { name: 'fast' },
      provisioner: 'example.org/none',
      allowVolumeExpansion: true,
    } as unknown as KubeObject);
    await eventually('PodMonitors are served', 20_000, () =>
      kube.client.request('GET', '/apis/monitoring.coreos.com/v1/podmonitors').then(() => true),
    );
    await claimOf(0);
  });
  after(async () => {
    stop.abort();
    await kube?.stop();
  });

  /** As the volume of a server that runs. */
  async function claimOf(ordinal: number): Promise<void> {
    const name = consulClaim(ordinal);
    await kube.client.create(persistentVolumeClaims, {
      metadata: { name, namespace: NAMESPACE },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'fast',
        resources: { requests: { storage: '1Gi' } },
      },
    } as unknown as KubeObject);
    await kube.client.patchStatus(persistentVolumeClaims, name, NAMESPACE, {
      phase: 'Bound',
      capacity: { storage: '1Gi' },
    });
  }

  /** A StatefulSet and a claim as the base has them. */
  async function anew(manager = 'helm'): Promise<void> {
    await kube.client.delete(statefulSets, CONSUL_SERVER_SERVICE, NAMESPACE);
    await kube.client.delete(persistentVolumeClaims, consulClaim(0), NAMESPACE);
    await kube.client
      .patchMerge(persistentVolumeClaims, consulClaim(0), NAMESPACE, { metadata: { finalizers: [] } })
      .catch(() => undefined);
    await claimOf(0);
    const set = helmObjects(base).find(({ kind }) => kind === 'StatefulSet')!;
    await applyManifest(kube.client, set, manager);
  }

  const openServers = () => Promise.reject(new Error('no Consul server runs here'));

  const helmUpgrade = (from: KubeObject[], to: KubeObject[]): Promise<string> =>
    upgradeAsHelm({ kube: kube.client, upgrader, openServers }, from, to);
  const helmObjects = (values: object): KubeObject[] =>
    plain(synthesize(parseValues(values), { release: { service: 'Helm' }, hooks: true }));
  const run = (values: object, planOnly = false): Promise<string> =>
    install({
      kube: kube.client,
      objects: plain(synthesize(parseValues(values))),
      planOnly,
      timeoutMs: 0,
      openServers,
      say: () => undefined,
    }).then(
      () => '',
      (error: Error) => error.message,
    );

  /** Gives what is not as it should be. */
  const judged = (change: ValueChange, answer: string, wanted: RegExp | undefined): string[] =>
    (wanted === undefined ? answer === '' : wanted.test(answer))
      ? []
      : [`${change.key}: ${JSON.stringify(change.to)}: ${answer === '' ? 'was taken' : answer.split('\n')[0]}`];

  it('takes every other value by Helm, and the former one again, or the hook of the chart refuses it before anything changes', async () => {
    const problems: string[] = [];
    const start = helmObjects(base);
    for (const object of start.filter((one) => !isHook(one))) await applyManifest(kube.client, object, 'helm');
    for (const change of ofOwnServers) {
      const other = helmObjects(withValue(along[change.key] ?? base, change));
      const answer = await helmUpgrade(start, other).catch((error: Error) => error.message);
      problems.push(...judged(change, answer, refused[change.key] ?? refusedToHelm[change.key]));
      const back = answer === '' ? await helmUpgrade(other, start).catch((error: Error) => error.message) : '';
      problems.push(...judged(change, back, oneWay[change.key]));
      if (oneWay[change.key]) await anew();
    }
    expect(problems).to.deep.equal([]);
  });

  it('takes another number of Consul servers by Helm without being refused for a field that never changes', async () => {
    const [one, three] = [1, 3].map((servers) => helmObjects({ ...base, consul: { ...base.consul, servers } }));
    expect(await helmUpgrade(one!, three!)).to.equal('');
    const set = await kube.client.get<KubeObject & { spec: object }>(statefulSets, CONSUL_SERVER_SERVICE, NAMESPACE);
    expect(set!.spec).to.include({ replicas: 3, podManagementPolicy: 'Parallel' });
    // No server runs here that could leave; test/integration/consul/consul-servers.test.ts has three.
    expect(await helmUpgrade(three!, one!)).to.equal('no Consul server runs here');
    await anew();
  });

  it('takes every other value of external servers by Helm, and the former one again', async () => {
    const problems: string[] = [];
    await kube.client.delete(deployments, 'landbridge-operator', NAMESPACE);
    const start = helmObjects(external);
    await helmUpgrade(helmObjects(base), start);
    for (const change of valueChanges(parseValues(external)).filter(({ key }) => /^externalConsul\.[^e]/.test(key))) {
      const other = helmObjects(withValue(external, change));
      problems.push(...judged(change, await helmUpgrade(start, other), undefined));
      problems.push(...judged(change, await helmUpgrade(other, start), undefined));
    }
    expect(problems).to.deep.equal([]);
    await kube.client.delete(deployments, 'landbridge-operator', NAMESPACE);
    await helmUpgrade(start, helmObjects(base));
  });

  it('takes every other value by `landbridge upgrade`, or refuses it before anything changes', async () => {
    const problems: string[] = [];
    for (const object of helmObjects(base).filter((one) => !isHook(one) && !isKept(one) && one.kind !== 'Namespace'))
      await kube.client.delete(resourceOf(object), object.metadata.name, object.metadata.namespace, {
        propagationPolicy: 'Background',
      });
    expect(await run(base)).to.equal('');
    for (const change of [...ofOwnServers, { key: 'consul.servers', to: 3 }]) {
      const other = withValue(along[change.key] ?? base, change);
      const planned = await run(other, true);
      problems.push(...judged(change, planned, refused[change.key]));
      // Done for real where the plan has to be believed: where objects are made again.
      if (planned !== '' || !renewed.test(change.key)) continue;
      problems.push(...judged(change, await run(other), undefined));
      problems.push(...judged(change, await run(base), oneWay[change.key]));
      if (oneWay[change.key]) await anew(INSTALL_MANAGER);
    }
    expect(problems).to.deep.equal([]);
    expect(await run(base, true)).to.equal('');
  });

  it('refuses a port outside the range of nodes with its name, though a dry run does not see it', async () => {
    const said = await run({ ...base, bridge: { ...base.bridge, nodePort: 80 } });
    expect(said).to.match(/landbridge-bridge.*nodePort.*provided port is not in the valid range/s);
    expect(await run(base)).to.equal('');
  });
});

const plain = (objects: object[]): KubeObject[] => JSON.parse(JSON.stringify(objects)) as KubeObject[];
