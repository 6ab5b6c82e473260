import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Consul } from '../../../clients/consul/consul.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices, namespaces } from '../../../clients/kube/resources.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import type { MeshServiceSpecInput, MeshServiceStatus } from '../../../crds/mesh-service.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import { keepProxyDefaults } from '../../../operator/bootstrap/keep-proxy-defaults.ts';
import { runOperator } from '../../../operator/main.ts';
import type { Holder } from '../../support/rigs/bridge-process.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

/** The operator in this process, on a real API server and a real Consul with ACLs and TLS. */
export interface OperatorRig {
  kube: RealKube;
  server: RealConsul;
  /** With the management token. */
  consul: Consul;
  /** Applies a MeshService of namespace shop that selects pods by `app: NAME`. */
  declare(name: string, spec?: Partial<MeshServiceSpecInput>): Promise<KubeObject>;
  statusOf(name: string): Promise<MeshServiceStatus | undefined>;
  /** The account of a bridge in this Consul. The rig starts no bridge. */
  bridge: Holder;
  stop(): Promise<void>;
}

export async function startOperatorRig(settings: Record<string, string> = {}): Promise<OperatorRig> {
  const [kube, server] = await bothOrNone(startApiServer(), startConsul({ acl: true, tls: true }));
  const consul = server.connect();
  const directory = await mkdtemp(join(tmpdir(), 'landbridge-operator-'));
  const key = (): string =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const holder = () => ({ accessorId: randomUUID(), token: randomUUID(), signingKeyPem: key() });
  const [operator, bridge] = [holder(), holder()];
  const material = { consulCaPem: server.caPem!, managementToken: server.token!, server: holder(), bridge };
  await configureAcl(consul.acl, { cluster: 'lab', tokenTtl: '1h' }, { ...material, operator });
  await keepProxyDefaults(consul, 'lab');
  await writeFile(join(directory, 'consul-token'), operator.token);
  await writeFile(join(directory, 'consul-ca.crt'), server.caPem!);
  await writeFile(join(directory, 'signing.key'), operator.signingKeyPem);
  await kube.client.create(namespaces, { metadata: { name: 'landbridge' } });
  await kube.client.create(namespaces, { metadata: { name: 'shop', labels: { 'landbridge.dev/mesh': 'enabled' } } });
  await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
  await eventually('the kind is served', 20_000, async () => (await kube.client.list(meshServices)) !== undefined);
  const [webhookPort, probePort] = await freePorts(2);
  process.env.KUBECONFIG = kube.kubeconfig;
  const stop = new AbortController();
  const env = {
    LANDBRIDGE_CONSUL_HTTP: server.address,
    LANDBRIDGE_CONSUL_GRPC: server.grpcAddress,
    LANDBRIDGE_SECRETS: directory,
    LANDBRIDGE_SIDECAR_IMAGE: 'landbridge/envoy:test',
    LANDBRIDGE_LOG_LEVEL: process.env['RIG_LOG'] ?? 'error',
    LANDBRIDGE_WEBHOOK_PORT: `${webhookPort}`,
    LANDBRIDGE_PROBE_PORT: `${probePort}`,
    POD_NAME: 'operator-0',
    POD_NAMESPACE: 'landbridge',
    ...settings,
  };
  const done = runOperator(env, stop.signal);
  done.catch(() => undefined);
  return {
    kube,
    server,
    consul,
    bridge,
    declare: (name, spec = {}) =>
      kube.client.apply(meshServices, {
        metadata: { name, namespace: 'shop' },
        spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: name } } } }, ...spec },
      }),
    statusOf: async (name) =>
      (await kube.client.get<KubeObject & { status?: MeshServiceStatus }>(meshServices, name, 'shop'))?.status,
    async stop() {
      stop.abort();
      const [operator] = await Promise.allSettled([done]);
      delete process.env.KUBECONFIG;
      consul.close();
      await Promise.all([kube.stop(), server.stop()]);
      await rm(directory, { recursive: true, force: true });
      if (operator.status === 'rejected') throw operator.reason;
    },
  };
}

/** When one cannot be had the other is given back. */
async function bothOrNone<A extends Stoppable, B extends Stoppable>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const ended = await Promise.allSettled([a, b]);
  const failed = ended.find((each) => each.status === 'rejected');
  if (failed === undefined) return Promise.all([a, b]);
  await Promise.all(ended.flatMap((each) => (each.status === 'fulfilled' ? [each.value.stop()] : [])));
  throw failed.reason;
}

interface Stoppable {
  stop(): Promise<void>;
}
