import { expect } from 'chai';
import { pino } from 'pino';
import { brakeEvent } from '../../bridge/hosts/brake-event.ts';
import { cleanUpAfter, cleanUpBefore } from '../../cli/install/clean-up.ts';
import { prepareUpgrade } from '../../cli/install/prepare-upgrade.ts';
import { systemClock } from '../../base/clock.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import { recordEvents } from '../../clients/kube/events/events.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { reflectIn } from '../../clients/kube/watching/reflect-in.ts';
import {
  customResourceDefinitions,
  leases,
  meshServices,
  namespaces,
  persistentVolumeClaims,
  pods,
  priorityClasses,
  secrets,
  statefulSets,
  storageClasses,
} from '../../clients/kube/resources.ts';
import { synthesize } from '../../charts/synthesize.ts';
import { parseValues } from '../../charts/values.ts';
import { meshServiceCrd } from '../../crds/custom-resource-definition.ts';
import { CONSUL_SERVER_SERVICE, NAMESPACE, OPERATOR_LEASE } from '../../mesh/installation/installation.ts';
import { FINALIZER } from '../../mesh/names/names.ts';
import { consulClaim, consulServer } from '../../mesh/installation/reshape.ts';
import { stubDomain } from '../../mesh/names/stub-domain.ts';
import { keepMaterial } from '../../operator/bootstrap/material.ts';
import { secretStore } from '../../operator/bootstrap/secret-store.ts';
import { applyManifest } from '../support/kube/apply-manifest.ts';
import { eventually } from '../support/eventually.ts';
import { letOrphansGo } from '../support/orphans.ts';
import { type RealKube, startApiServer } from '../support/real/kube.ts';
import { describeRight, rightsOf, wasRefused, withoutRight } from '../support/right.ts';
import { type Manifest, everything, ofKind } from '../unit/charts/objects.ts';

const SPEC = { port: 80, workloads: { pods: { selector: { matchLabels: { app: 'web' } } } } };

/** The requests of the bridge, the bootstrap job and Helm's removal to a real API server, without each right in turn. */
describe('every right in Kubernetes', function () {
  this.timeout(120_000);
  const objects = synthesize(parseValues(everything), { hooks: true }) as (Manifest & KubeObject)[];
  let kube: RealKube;
  const stop = new AbortController();

  before(async () => {
    kube = await startApiServer();
    letOrphansGo(kube.client, stop.signal);
    await kube.client.create(storageClasses, {
      metadata: { name: 'fast' },
      provisioner: 'example.org/none',
      allowVolumeExpansion: true,
    });
    for (const name of [NAMESPACE, 'shop']) await kube.client.create(namespaces, { metadata: { name } });
    await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
    for (const object of ofKind(objects, 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'))
      await applyManifest(kube.client, object as Manifest & KubeObject);
    await eventually('the kind is served', 20_000, async () => (await kube.client.list(meshServices)) !== undefined);
  });
  after(async () => {
    stop.abort();
    await kube?.stop();
  });

  // Nobody here lets go of a claim that is deleted.
  let claimed = 0;
  const lacking = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => '',
      (error: unknown) => (error as Error).message,
    );

  /** Each gives what its component was refused. */
  const lives: Record<string, (client: KubeClient) => Promise<string>> = {
    async bridge(client) {
      let said = '';
      const log = pino({ level: 'debug' }, { write: (line: string) => void (said += line) });
      const stop = new AbortController();
      const known = reflectIn([], client, meshServices, { trim: () => true, signal: stop.signal, log });
      const parts = {
        client,
        reportingController: 'landbridge.dev/bridge',
        reportingInstance: 'bridge',
        signal: stop.signal,
        log,
      };
      const events = recordEvents(parts);
      for (let turn = 0; turn < 2; turn++) {
        events.record(brakeEvent({ name: 'bridge', namespace: NAMESPACE }, 'rack-1', ['one']));
        await events.flush();
      }
      // Refused or open: the log says either.
      await eventually('it has watched', 10_000, () => /cannot (list|watch)|listed/.test(said) || undefined);
      const name = 'seen';
      await kube.client.apply(meshServices, { metadata: { name, namespace: 'shop' }, spec: SPEC });
      await eventually('it has seen it', 5000, () => /cannot/.test(said) || known.get('shop/seen')).catch(
        () => undefined,
      );
      await kube.client.delete(meshServices, name, 'shop');
      stop.abort();
      return said;
    },
    async bootstrap(client) {
      const store = secretStore(client, NAMESPACE);
      const input = { store, nowMs: Date.now() };
      const first = await lacking(keepMaterial({ ...input, bridgeAddresses: 'a.example:1' }));
      const again = await lacking(keepMaterial({ ...input, bridgeAddresses: 'b.example:1' }));
      for (const { metadata } of (await kube.client.list<KubeObject>(secrets, { namespace: NAMESPACE })).items)
        await kube.client.delete(secrets, metadata.name, NAMESPACE);
      return first + again;
    },
    async removal(client) {
      const metadata = { name: 'web', namespace: 'shop', finalizers: [FINALIZER] };
      await kube.client.create(meshServices, {
        apiVersion: 'landbridge.dev/v1alpha1',
        kind: 'MeshService',
        metadata,
        spec: SPEC,
      });
      const made = { namespace: NAMESPACE };
      await kube.client.create(secrets, { metadata: { name: 'landbridge-operator', ...made }, data: {} });
      await kube.client.create(leases, { metadata: { name: OPERATOR_LEASE, ...made } });
      // A cluster DNS with our block in it.
      const corefile = `.:53 {\n    errors\n}\n${stubDomain(['192.0.2.1'], 53)}`;
      await kube.client.request('PATCH', '/api/v1/namespaces/kube-system/configmaps/coredns', {
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'coredns' }, data: { Corefile: corefile } },
        contentType: 'application/apply-patch+yaml',
        query: { fieldManager: 'kubeadm', force: true },
      });
      const claims = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`;
      const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
      await kube.client.request('POST', claims, { body: { metadata: { name: `data-landbridge-${claimed++}` }, spec } });
      const quiet = (): void => undefined;
      const before = await lacking(cleanUpBefore(client, quiet, { patienceMs: 200 }));
      const after = await lacking(cleanUpAfter(client, quiet, async () => undefined));
      await cleanUpBefore(kube.client, quiet, { patienceMs: 0 });
      await cleanUpAfter(kube.client, quiet, async () => undefined);
      return before + after;
    },
    async upgrade(client) {
      await installedWithThree();
      const raft = {
        peers: async () => [{ id: 'a', node: consulServer(0), leader: true, voter: true }],
        transferLeadership: async () => undefined,
        removePeer: async () => undefined,
        forget: async () => undefined,
        close: () => undefined,
      };
      const job = objects.find(({ kind, metadata }) => kind === 'Job' && metadata.name === 'landbridge-upgrade')!;
      const { env } = job['spec'].template.spec.containers[0] as { env: { name: string; value?: string }[] };
      const told = Object.fromEntries(env.map(({ name, value }) => [name, value]));
      const said = await lacking(
        prepareUpgrade({
          kube: client,
          env: { ...told, LANDBRIDGE_CONSUL_STORAGE: '2Gi', LANDBRIDGE_CONSUL_STORAGE_CLASS: 'fast' },
          openServers: async () => raft,
          clock: systemClock,
          say: () => undefined,
        }),
      );
      await takenAway();
      return said;
    },
  };

  const ORDINALS = [0, 1, 2];
  /** Three servers with small volumes, and a priority class of another number: the upgrade job then takes every step that it knows. */
  async function installedWithThree(): Promise<void> {
    const values = { ...everything, consul: { ...everything.consul, servers: 3 as const, storageClass: 'fast' } };
    const set = (synthesize(parseValues(values)) as (Manifest & KubeObject)[]).find(
      ({ kind }) => kind === 'StatefulSet',
    )!;
    await applyManifest(kube.client, set);
    const labels = { 'app.kubernetes.io/part-of': 'landbridge' };
    await kube.client.create(priorityClasses, { metadata: { name: 'landbridge-control-plane', labels }, value: 5 });
    for (const ordinal of ORDINALS) {
      const pod = {
        metadata: { name: consulServer(ordinal), namespace: NAMESPACE },
        spec: { containers: [{ name: 'c', image: 'x' }] },
      };
      await kube.client.create(pods, pod as KubeObject);
      const name = consulClaim(ordinal);
      const spec = {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'fast',
        resources: { requests: { storage: '1Gi' } },
      };
      await kube.client.create(persistentVolumeClaims, {
        metadata: { name, namespace: NAMESPACE },
        spec,
      } as KubeObject);
      await kube.client.patchMerge(persistentVolumeClaims, name, NAMESPACE, { metadata: { finalizers: null } });
      const bound = { phase: 'Bound', capacity: { storage: '1Gi' } };
      await kube.client.patchStatus(persistentVolumeClaims, name, NAMESPACE, bound);
    }
  }
  async function takenAway(): Promise<void> {
    await kube.client.delete(statefulSets, CONSUL_SERVER_SERVICE, NAMESPACE, { propagationPolicy: 'Background' });
    await kube.client.delete(priorityClasses, 'landbridge-control-plane');
    for (const ordinal of ORDINALS) {
      await kube.client.delete(pods, consulServer(ordinal), NAMESPACE, { gracePeriodSeconds: 0 });
      await kube.client.delete(persistentVolumeClaims, consulClaim(ordinal), NAMESPACE);
    }
  }

  for (const [component, live] of Object.entries(lives)) {
    const namespace = component === 'removal' ? 'default' : NAMESPACE;
    const client = (): Promise<KubeClient> =>
      kube.clientFor({
        user: `system:serviceaccount:${namespace}:landbridge-${component}`,
        groups: ['system:serviceaccounts', 'system:authenticated'],
      });

    it(`of ${component} is enough: with all of them it is refused nothing`, async () => {
      expect(await live(await client())).not.to.match(/is forbidden|cannot/);
    });
    for (const right of rightsOf(objects, component)) {
      it(`of ${component} is missed: ${describeRight(right)}`, () =>
        withoutRight(kube.client, right, async () => {
          // The API server hears of a changed role a moment later.
          await eventually('it is refused', 20_000, async () => wasRefused(await live(await client()), right));
        }));
    }
  }
});
