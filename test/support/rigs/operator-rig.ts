import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildBundle } from '../../../build/build.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, namespaces, pods, services } from '../../../clients/kube/resources.ts';
import type { MeshServiceSpecInput, MeshServiceStatus } from '../../../crds/mesh-service.ts';
import { NAMESPACE, WEBHOOK_SERVICE } from '../../../mesh/installation/installation.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import type { Material } from '../../../operator/bootstrap/material.ts';
import { type Manifest, chart, everything, ofKind } from '../../unit/charts/objects.ts';
import { applyManifest } from '../kube/apply-manifest.ts';
import { eventually } from '../eventually.ts';
import { type OperatorProcess, startOperator } from './operator-process.ts';
import { type RealConsul, startConsul } from '../real/consul.ts';
import { freePorts } from '../real/consul-ports.ts';
import { type RealKube, startApiServer } from '../real/kube.ts';

/**
 * The operator as a process, with the rights, the CRD and the webhook of the chart, on a real API server that asks the
 * webhook for every pod, and a real Consul with ACLs and TLS. There is no kubelet: the status of pods is written here.
 */
export interface OperatorRig {
  kube: RealKube;
  server: RealConsul;
  /** The administrator's. */
  consul: Consul;
  material: Material;
  /** The port at which the API server asks the webhook. */
  webhookPort: number;
  /** Every operator that was started, the last one last. */
  operators: OperatorProcess[];
  /** `env` adds to the operator's environment. */
  start(env?: Record<string, string>, until?: 'leads' | 'serves' | 'runs'): Promise<OperatorProcess>;
  /**
   * The state in which every story begins, however the one before ended: Consul and the API server answer, and one
   * operator runs, with the environment of the chart; it leads, and serves the webhook where the API server asks.
   */
  settle(): Promise<void>;
  /** Policies, tokens and auth methods, as the bootstrap job makes them; again after Consul has lost them. */
  bootstrapConsul(): Promise<void>;
  stop(): Promise<void>;
}

/** `sharing`: the Consul of another rig, for a second cluster on it. `watchNamespaces`: as the chart's value. */
export async function startOperatorRig(
  options: { sharing?: OperatorRig; watchNamespaces?: string[] } = {},
): Promise<OperatorRig> {
  const { sharing, watchNamespaces = [] } = options;
  // First what may fail by itself: servers that nobody stops would keep the test run.
  const bundle = await buildBundle();
  const [kube, server] =
    sharing === undefined
      ? await bothOrNeither(startApiServer(), startConsul({ acl: true, tls: true }))
      : [await startApiServer(), sharing.server];
  const directory = await mkdtemp(join(tmpdir(), 'landbridge-operator-'));
  await copyFile(bundle, join(directory, 'landbridge.mjs'));
  const material = sharing?.material ?? newMaterial(server);
  const consul = server.connect();
  const { token, signingKeyPem } = material.operator;
  const files = { 'consul-token': token, 'consul-ca.crt': server.caPem!, 'signing.key': signingKeyPem };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text)));
  const [webhookPort = 0] = await freePorts(1);
  const env = {
    KUBECONFIG: await install(kube, webhookPort, watchNamespaces),
    LANDBRIDGE_WATCH_NAMESPACES: watchNamespaces.join(','),
    LANDBRIDGE_CONSUL_HTTP: server.address,
    LANDBRIDGE_CONSUL_GRPC: server.grpcAddress,
    LANDBRIDGE_SECRETS: directory,
    LANDBRIDGE_SIDECAR_IMAGE: 'landbridge/envoy:test',
    LANDBRIDGE_LOG_LEVEL: 'debug',
    LANDBRIDGE_VERIFY_SECONDS: '2',
    POD_NAMESPACE: NAMESPACE,
  };
  /** The last one that was started with nothing of its own. */
  let plain: OperatorProcess | undefined;
  const rig: OperatorRig = {
    kube,
    server,
    consul,
    material,
    webhookPort,
    operators: [],
    async start(more = {}, until) {
      const asked = { LANDBRIDGE_WEBHOOK_PORT: `${webhookPort}` };
      const operator = await startOperator(join(directory, 'landbridge.mjs'), { ...env, ...asked, ...more }, until);
      rig.operators.push(operator);
      if (Object.keys(more).length === 0) plain = operator;
      return operator;
    },
    async settle() {
      await Promise.all([server.comeBack(), kube.comeBack()]);
      const running = rig.operators.filter((operator) => operator.running);
      if (running.length === 1 && running[0] === plain && (await plain?.leads().catch(() => false))) return;
      await Promise.all(running.map((operator) => operator.stop()));
      await rig.start();
    },
    bootstrapConsul: () => configureAcl(consul.acl, { cluster: 'lab', tokenTtl: '1h' }, material),
    async stop() {
      await Promise.all(rig.operators.map((operator) => operator.stop()));
      consul.close();
      await Promise.all([kube.stop(), sharing === undefined ? server.stop() : undefined]);
      await rm(directory, { recursive: true, force: true });
    },
  };
  if (sharing === undefined) await rig.bootstrapConsul();
  return rig;
}

/** When one of the two does not come up, the other one is stopped. */
async function bothOrNeither(kube: Promise<RealKube>, server: Promise<RealConsul>) {
  const started = await Promise.allSettled([kube, server]);
  const failed = started.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(started.flatMap((one) => (one.status === 'fulfilled' ? [one.value.stop()] : [])));
    throw failed.reason;
  }
  return [await kube, await server] as const;
}

function newMaterial(server: RealConsul): Material {
  const key = (): string =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const holder = () => ({ accessorId: randomUUID(), token: randomUUID(), signingKeyPem: key() });
  return {
    consulCaPem: server.caPem!,
    managementToken: server.token!,
    server: holder(),
    operator: holder(),
    bridge: holder(),
  };
}

/** The rights and the CRD of the chart, and a webhook that the API server finds on this machine. Gives the operator's kubeconfig. */
async function install(kube: RealKube, webhookPort: number, watchNamespaces: string[]): Promise<string> {
  const objects = chart({ ...everything, watchNamespaces }) as (Manifest & KubeObject)[];
  await kube.client.create(namespaces, { metadata: { name: NAMESPACE } });
  for (const name of new Set(['shop', ...watchNamespaces]))
    await kube.client.create(namespaces, { metadata: { name, labels: { 'landbridge.dev/mesh': 'enabled' } } });
  const kinds = ['CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];
  for (const object of ofKind(objects, ...kinds)) await applyManifest(kube.client, object as Manifest & KubeObject);
  // Asked by its own name, as in a cluster; an ExternalName leads the API server here without a kube-proxy.
  await kube.client.create(services, {
    metadata: { name: WEBHOOK_SERVICE, namespace: NAMESPACE },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  } as KubeObject);
  for (const made of ofKind(objects, 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration')) {
    const configuration = structuredClone(made);
    for (const webhook of configuration['webhooks']) webhook.clientConfig.service.port = webhookPort;
    await applyManifest(kube.client, configuration as Manifest & KubeObject);
  }
  await eventually('the kind is served', 20_000, async () => (await kube.client.list(meshServices)) !== undefined);
  return kube.kubeconfigFor({
    user: `system:serviceaccount:${NAMESPACE}:landbridge-operator`,
    groups: ['system:serviceaccounts', 'system:authenticated'],
  });
}

/** `web-7` is at 10.0.0.7. */
const addressOf = (pod: string): string => `10.0.0.${pod.slice(pod.lastIndexOf('-') + 1)}`;

/** The actions of a user and a kubelet in the namespace `shop`, and the state that they see. */
export function shopOf({ kube, consul }: Pick<OperatorRig, 'kube' | 'consul'>) {
  const setReady = (name: string, ready: boolean, ip: string): Promise<KubeObject> =>
    kube.client.patchStatus(pods, name, 'shop', {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: new Date().toISOString() }],
    });
  const shop = {
    declare: (name: string, spec: Partial<MeshServiceSpecInput> = {}): Promise<KubeObject> =>
      kube.client.apply(meshServices, {
        metadata: { name, namespace: 'shop' },
        spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: name } } } }, ...spec },
      }),
    remove: (name: string): Promise<boolean> => kube.client.delete(meshServices, name, 'shop'),
    plainPod: (name: string, app: string): KubeObject => ({
      metadata: { name, namespace: 'shop', labels: { app } },
      spec: {
        containers: [{ name: 'app', image: 'app:1' }],
        automountServiceAccountToken: false,
        serviceAccountName: 'none',
      },
    }),
    /** Created as a user would, so that the webhook injects it. */
    async pod(name: string, app: string, ip: string, ready = true): Promise<void> {
      await kube.client.create(pods, shop.plainPod(name, app));
      await setReady(name, ready, ip);
    },
    setReady,
    /** The known state of the namespace: one MeshService with these pods, all ready, and nothing else. */
    async only(name: string, podNames: string[], spec: Partial<MeshServiceSpecInput> = {}): Promise<void> {
      await shop.declare(name, spec);
      await shop.condition(name, 'Synced', 'Synced');
      const [declared, alive] = await Promise.all([
        kube.client.list<KubeObject>(meshServices, { namespace: 'shop' }),
        kube.client.list<KubeObject>(pods, { namespace: 'shop' }),
      ]);
      const there = alive.items.map(({ metadata }) => metadata.name);
      const others = declared.items.map(({ metadata }) => metadata.name).filter((other) => other !== name);
      await Promise.all(others.map(shop.remove));
      await Promise.all(there.filter((pod) => !podNames.includes(pod)).map(shop.deletePod));
      for (const pod of podNames) {
        // The first operator of a rig may not have told the API server yet whom to trust.
        if (!there.includes(pod))
          await eventually(`${pod} is admitted`, 20_000, () => kube.client.create(pods, shop.plainPod(pod, name)));
        await setReady(pod, true, addressOf(pod));
      }
      for (const other of others) {
        await eventually(`${other} is gone`, 30_000, async () => (await shop.status(other)) === undefined);
      }
      await shop.holds('the pods', name, Object.fromEntries(podNames.map((pod) => [pod, 'passing'])), 30_000);
    },
    deletePod: (name: string): Promise<boolean> => kube.client.delete(pods, name, 'shop', { gracePeriodSeconds: 0 }),
    health: async (service: string): Promise<Record<string, string>> =>
      Object.fromEntries((await consul.health(service)).map(({ service: { ID }, status }) => [ID, status])),
    status: async (name: string): Promise<MeshServiceStatus | undefined> =>
      (await kube.client.get<KubeObject & { status?: MeshServiceStatus }>(meshServices, name, 'shop'))?.status,
    /** The condition as soon as it carries `reason`. */
    condition: (name: string, type: string, reason: string) =>
      eventually(`${type} of ${name} is ${reason}`, 20_000, async () =>
        (await shop.status(name))?.conditions?.find((one) => one.type === type && one.reason === reason),
      ),
    holds: (what: string, service: string, expected: Record<string, string>, deadlineMs = 20_000): Promise<true> =>
      eventually(
        what,
        deadlineMs,
        async () => {
          expect(await shop.health(service)).to.deep.equal(expected);
          return true as const;
        },
        20,
      ),
  };
  return shop;
}
