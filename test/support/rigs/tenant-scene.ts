import { expect } from 'chai';
import type { KubeClient } from '../../../clients/kube/client.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, namespaces, pods, secrets } from '../../../clients/kube/resources.ts';
import type { Condition } from '../../../crds/kubernetes.ts';
import type { MeshServiceStatus } from '../../../crds/mesh-service.ts';
import { EDGE_KINDS, CONFIG_KINDS } from '../../../mesh/catalog/entry.ts';
import { eventually } from '../eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from './operator-rig.ts';

/** The namespace of the hostile team. */
export const EVIL = 'evil';
/** The host of the other team at the edge. */
const HOST = 'pay.example';
const MALLORY = `system:serviceaccount:${EVIL}:mallory`;

/** A team with a service `payments`, which frontend may call and the edge serves; and a hostile one in a namespace of its own. */
export interface TenantScene {
  rig: OperatorRig;
  shop: ReturnType<typeof shopOf>;
  /** Has all rights on objects of the namespace EVIL, and none elsewhere. */
  mallory: KubeClient;
  /** Applies a MeshService of EVIL as mallory. Rejects with the API server's words. */
  attack(name: string, spec?: object, metadata?: object): Promise<KubeObject>;
  /** The words by which the API server refuses; fails when it does not. */
  refused(attempt: Promise<unknown>): Promise<string>;
  /** The condition of a MeshService of EVIL as soon as its message, or that of its reason, matches. */
  told(name: string, type: string, words: RegExp): Promise<Condition>;

  /** Everything that Consul and the API server hold for the other team. */
  victim(): Promise<unknown>;
  /** Removes what was made in EVIL. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

export async function tenantScene(): Promise<TenantScene> {
  const rig = await startOperatorRig();
  const shop = shopOf(rig);
  const { client } = rig.kube;
  await rig.start({ LANDBRIDGE_EDGE: 'enabled', LANDBRIDGE_GATEWAY: 'enabled' });
  const labels = { 'landbridge.dev/mesh': 'enabled' };
  await client.create(namespaces, { metadata: { name: EVIL, labels } });
  await grant(client);
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${EVIL}`, 'system:authenticated'];
  const mallory = await rig.kube.clientFor({ user: MALLORY, groups });
  await shop.declare('payments', {
    protocol: 'http',
    access: [{ from: 'frontend' }],
    expose: { hosts: [HOST], paths: ['/pay'] },
  });
  await shop.condition('payments', 'Synced', 'Synced');
  await eventually('a pod is admitted', 20_000, () => client.create(pods, shop.plainPod('payments-1', 'payments')));
  await shop.setReady('payments-1', true, '10.0.0.1');
  await shop.condition('payments', 'Ready', 'AllInstancesReady');
  await shop.condition('payments', 'Exposed', 'Exposed');
  await eventually('it is served', 20_000, () => rig.consul.readConfig('http-route', 'payments'));
  await eventually('mallory has the rights', 20_000, async () => (await mallory.list(pods, { namespace: EVIL })).items);

  const scene: TenantScene = {
    rig,
    shop,
    mallory,
    attack: (name, spec = {}, metadata = {}) =>
      mallory.apply(meshServices, {
        metadata: { name, namespace: EVIL, ...metadata },
        spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: name } } } }, ...spec },
      }),
    refused: (attempt) =>
      attempt.then(
        () => Promise.reject(new Error('nothing was refused')),
        (error: Error) => error.message,
      ),
    told: (name, type, words) =>
      eventually(`${type} of ${name} says ${words}`, 20_000, async () => {
        const held = await client.get<KubeObject & { status?: MeshServiceStatus }>(meshServices, name, EVIL);
        const found = held?.status?.conditions?.find((one) => one.type === type);
        expect(`${found?.reason}: ${found?.message}`).to.match(words);
        return found!;
      }),
    async victim() {
      const kinds = [...CONFIG_KINDS, ...EDGE_KINDS.filter((kind) => kind === 'http-route')];
      const entries = await Promise.all(kinds.map((kind) => rig.consul.readConfig(kind, 'payments')));
      // Consul itself writes into a route whether it is bound.
      const config = entries.map((held) => held && { ...held.entry, Status: undefined });
      const secret = await client.get<KubeObject>(secrets, 'payments-landbridge', 'shop');
      return {
        config,
        instances: await rig.consul.health('payments'),
        secret: secret?.metadata.resourceVersion,
        conditions: (await shop.status('payments'))?.conditions?.map(({ type, status }) => `${type}=${status}`).sort(),
      };
    },
    async clear() {
      const made = await client.list<KubeObject>(meshServices, { namespace: EVIL });
      await Promise.all(made.items.map(({ metadata }) => client.delete(meshServices, metadata.name, EVIL)));
      const alive = await client.list<KubeObject>(pods, { namespace: EVIL });
      const now = { gracePeriodSeconds: 0 };
      await Promise.all(alive.items.map(({ metadata }) => client.delete(pods, metadata.name, EVIL, now)));
      await eventually('nothing is left', 60_000, async () => {
        expect((await client.list(meshServices, { namespace: EVIL })).items).to.have.length(0);
        return true;
      });
    },
    stop: () => rig.stop(),
  };
  return scene;
}

/** More than a team gets: everything in its namespace, which includes its own Namespace object and each subresource. */
async function grant(client: KubeClient): Promise<void> {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${EVIL}`;
  const rules = [
    { apiGroups: ['', 'landbridge.dev', 'events.k8s.io', 'apps', 'discovery.k8s.io'], resources: ['*'], verbs: ['*'] },
  ];
  await client.request('POST', `${path}/roles`, { body: { metadata: { name: 'all', namespace: EVIL }, rules } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'all' };
  const subjects = [{ kind: 'ServiceAccount', name: 'mallory', namespace: EVIL }];
  const body = { metadata: { name: 'all', namespace: EVIL }, roleRef, subjects };
  await client.request('POST', `${path}/rolebindings`, { body });
}
