import { expect } from 'chai';
import { pino } from 'pino';
import { systemClock } from '../../../base/clock.ts';
import type { KubeClient } from '../../../clients/kube/client.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { namespaces, networkPolicies } from '../../../clients/kube/resources.ts';
import type { MutualTLS } from '../../../crds/doors.ts';
import type { NetworkPolicySpec } from '../../../crds/kubernetes.ts';
import type { MeshService } from '../../../crds/mesh-service.ts';
import { policyOf } from '../../../mesh/doors/policy.ts';
import { type DoorPolicies, doorPolicies } from '../../../operator/doors/door-policies.ts';
import { aMeshService } from '../../support/builders.ts';
import { eventually } from '../../support/eventually.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

type Policy = KubeObject & { spec: NetworkPolicySpec };

/** Against a real API server, which fills in defaults and counts what is written. */
describe('the NetworkPolicies of MeshServices', function () {
  this.timeout(120_000);
  let kube: RealKube;
  let client: KubeClient;
  let standard: MutualTLS = 'Strict';
  const stop = new AbortController();
  const known = new Map<string, MeshService>();
  const walked: string[] = [];
  const others: string[] = [];
  let policies: DoorPolicies;
  let writes = 0;

  const declare = (name: string, spec: Parameters<typeof aMeshService>[1] = {}): MeshService => {
    const meshService = aMeshService(name, spec);
    known.set(`shop/${name}`, meshService);
    return meshService;
  };
  const read = (name: string) => client.get<Policy>(networkPolicies, `${name}-landbridge`, 'shop');
  /** As a walk after each change does. */
  const walk = (key: string): void => {
    walked.push(key);
    const meshService = known.get(key);
    if (meshService !== undefined) void policies.keep(meshService).catch(() => undefined);
  };

  before(async () => {
    kube = await startApiServer();
    ({ client } = kube);
    await client.create(namespaces, { metadata: { name: 'shop' } });
    const counted =
      (verb: 'create' | 'patchJson' | 'delete') =>
      (...args: never[]) => {
        writes++;
        return (client[verb] as (...all: never[]) => Promise<never>)(...args);
      };
    let synced = (): void => undefined;
    const ready = new Promise<void>((resolve) => (synced = resolve));
    policies = doorPolicies({
      kube: {
        ...client,
        create: counted('create'),
        patchJson: counted('patchJson'),
        delete: counted('delete'),
      } as never,
      standard: () => standard,
      watched: [],
      onOwn: walk,
      onOther: (namespace) => void others.push(namespace),
      onSynced: () => synced(),
      clock: systemClock,
      signal: stop.signal,
      log: pino({ level: 'silent' }),
    });
    await ready;
  });
  after(async () => {
    stop.abort();
    await kube?.stop();
  });
  beforeEach(() => {
    standard = 'Strict';
  });

  it('are made as wanted, and read back as wanted, so that nothing is written twice', async () => {
    const web = declare('web', { plaintextPorts: [9090, 'metrics'] });
    await policies.keep(web);
    const made = (await read('web'))!;
    expect(made.spec).to.deep.equal(policyOf(web, 'Strict')!.spec);
    expect((made.metadata as MeshService['metadata']).ownerReferences).to.deep.equal(
      policyOf(web, 'Strict')!.metadata.ownerReferences,
    );
    await eventually('the watch tells', 10_000, async () => walked.includes('shop/web'));
    const before = writes;
    for (let turn = 0; turn < 20; turn++) await policies.keep(web);
    expect(writes).to.equal(before);
    expect((await read('web'))!.metadata.resourceVersion).to.equal(made.metadata.resourceVersion);
  });

  it('follow the MeshService', async () => {
    const web = declare('follows');
    await policies.keep(web);
    await policies.keep(declare('follows', { plaintextPorts: [9090] }));
    expect((await read('follows'))!.spec.ingress?.[0]?.ports).to.deep.include({ protocol: 'UDP', port: 9090 });
    await policies.keep(declare('follows', { mutualTLS: 'Permissive' }));
    expect(await read('follows')).to.equal(undefined);
    await policies.keep(declare('follows'));
    expect((await read('follows'))!.spec.ingress?.[0]?.ports).to.have.length(2);
    standard = 'Permissive';
    await policies.keep(known.get('shop/follows')!);
    expect(await read('follows')).to.equal(undefined);
  });

  const HANDS: [string, (name: string) => Promise<unknown>][] = [
    ['deletes it', (name) => client.delete(networkPolicies, name, 'shop')],
    ['opens every port', (name) => client.patchMerge(networkPolicies, name, 'shop', { spec: { ingress: [{}] } })],
    [
      'lets it select nothing',
      (name) =>
        client.patchMerge(networkPolicies, name, 'shop', { spec: { podSelector: { matchLabels: { app: 'nobody' } } } }),
    ],
    [
      'makes it one for egress',
      (name) => client.patchMerge(networkPolicies, name, 'shop', { spec: { policyTypes: ['Egress'] } }),
    ],
    [
      'takes its label off and opens it',
      (name) =>
        client.patchMerge(networkPolicies, name, 'shop', { metadata: { labels: null }, spec: { ingress: [{}] } }),
    ],
    [
      'takes its owner off',
      (name) => client.patchMerge(networkPolicies, name, 'shop', { metadata: { ownerReferences: null } }),
    ],
    [
      'gives it another owner beside ours',
      (name) =>
        client.patchMerge(networkPolicies, name, 'shop', {
          metadata: {
            ownerReferences: [
              ...policyOf(known.get('shop/' + name.replace('-landbridge', ''))!, 'Strict')!.metadata.ownerReferences!,
              { apiVersion: 'landbridge.dev/v1alpha1', kind: 'MeshService', name: 'other', uid: 'other' },
            ],
          },
        }),
    ],
  ];
  HANDS.forEach(([what, change], index) =>
    it(`are put right when another hand ${what}`, async () => {
      const name = `hand-${index}`;
      const meshService = declare(name);
      await policies.keep(meshService);
      await eventually('the watch tells', 10_000, async () => walked.includes(`shop/${name}`));
      const made = (await read(name))!;
      await change(`${name}-landbridge`);
      await eventually('it is as wanted', 10_000, async () => {
        const now = (await read(name)) as Policy & { metadata: MeshService['metadata'] };
        const wanted = policyOf(meshService, 'Strict')!;
        try {
          expect(now.spec).to.deep.equal(wanted.spec);
          expect(now.metadata.labels).to.deep.equal(wanted.metadata.labels);
          expect(now.metadata.ownerReferences).to.deep.equal(wanted.metadata.ownerReferences);
        } catch {
          return undefined;
        }
        return now.metadata.resourceVersion !== made.metadata.resourceVersion || undefined;
      });
    }),
  );

  it('that somebody else made stay untouched, and the status reports the open door', async () => {
    const theirs = {
      metadata: { name: 'taken-landbridge', namespace: 'shop' },
      spec: { podSelector: {}, ingress: [{}] },
    };
    await client.create(networkPolicies, theirs as never);
    const meshService = declare('taken');
    await eventually('it is seen', 10_000, async () => policies.isOfAnother(meshService) || undefined);
    const before = (await read('taken'))!;
    await policies.keep(meshService);
    await policies.keep(declare('taken', { mutualTLS: 'Permissive' }));
    expect((await read('taken'))!.metadata.resourceVersion).to.equal(before.metadata.resourceVersion);
    // It is given way to, as soon as it is gone.
    declare('taken');
    await client.delete(networkPolicies, 'taken-landbridge', 'shop');
    await eventually(
      'ours is there',
      10_000,
      async () => (await read('taken'))?.metadata.labels !== undefined || undefined,
    );
    expect(policies.isOfAnother(meshService)).to.equal(false);
  });

  it('of another hand that came a moment ago are not written over', async () => {
    const meshService = declare('race');
    const theirs = { metadata: { name: 'race-landbridge', namespace: 'shop' }, spec: { podSelector: {} } };
    const [mine] = await Promise.allSettled([
      client.create(networkPolicies, theirs as never),
      policies.keep(meshService),
    ]);
    const now = (await read('race'))!;
    if (mine.status === 'fulfilled') expect(now.metadata.uid).to.equal((mine.value as KubeObject).metadata.uid);
    if (mine.status === 'fulfilled') expect(now.spec.podSelector).to.deep.equal({});
  });

  it('of others in the namespace are known, and their changes told', async () => {
    const before = others.length;
    const theirs = { metadata: { name: 'allow-all', namespace: 'shop' }, spec: { podSelector: {}, ingress: [{}] } };
    await client.create(networkPolicies, theirs as never);
    await eventually(
      'it is seen',
      10_000,
      async () => policies.others(declare('any')).some(({ name }) => name === 'allow-all') || undefined,
    );
    expect(others.length).to.be.above(before);
  });

  it('are changed ever more slowly where another hand keeps changing them back', async () => {
    const meshService = declare('fight');
    await policies.keep(meshService);
    let theirs = 0;
    const until = Date.now() + 5000;
    const before = writes;
    while (Date.now() < until) {
      const now = await read('fight');
      if (now?.spec.ingress?.[0]?.ports !== undefined) {
        await client.patchMerge(networkPolicies, 'fight-landbridge', 'shop', { spec: { ingress: [{}] } });
        theirs++;
      }
    }
    expect(theirs).to.be.within(2, 8);
    expect(writes - before).to.be.within(2, 8);
  });
});
