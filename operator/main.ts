import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { consulOver } from '../clients/consul/connect.ts';
import { watchReachability } from '../clients/consul/reachability.ts';
import { openTransport } from '../clients/consul/transport.ts';
import { type KubeClient, connectKube } from '../clients/kube/client.ts';
import { systemClock } from '../clients/kube/clock.ts';
import { elect } from '../clients/kube/elect.ts';
import { recordEvents } from '../clients/kube/events.ts';
import type { Log } from '../clients/kube/log.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import { namespaces } from '../clients/kube/resources.ts';
import { API_VERSION } from '../crds/mesh-service.ts';
import type { Intent } from '../mesh/desired.ts';
import { OPERATOR_LEASE } from '../mesh/installation.ts';
import { rememberingCatalog } from './catalog.ts';
import { claimedCatalog, clusterClaim } from './cluster-claim.ts';
import { runController } from './controller.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { fileReader } from './file-reader.ts';
import { runInjector } from './injector.ts';
import { operatorMetrics } from './metrics.ts';
import { serveProbes } from './probes.ts';
import type { Queue } from './queue.ts';
import { sidecarSecrets } from './sidecar-secret.ts';
import { operatorSteps } from './steps.ts';
import { type StatusWriter, statusWriter } from './status-writer.ts';
import { watchWorld } from './world.ts';

/**
 * A walk waits for the API server no longer than for Consul: while it waits its key is not walked again, and what
 * Consul should hold needs no API server.
 */
const WALK_PATIENCE_MS = 5000;

/**
 * The operator: watches -> queue -> reconcile on the replica that leads; the injection webhook on all of them.
 * Everything from outside (time, environment, files, randomness) enters here. Resolves when `signal` aborts and the
 * lease is released.
 */
export async function runOperator(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const settings = readEnvironment(env);
  const log: Log = pino({ level: settings.LANDBRIDGE_LOG_LEVEL, name: 'operator' });
  const kube = connectKube();
  const kubeOfWalks = connectKube({}, { timeoutMs: WALK_PATIENCE_MS });
  const metrics = operatorMetrics();

  let queue: Queue | undefined;
  let admitting = false;
  const world = watchWorld({
    kube,
    cluster: settings.LANDBRIDGE_CLUSTER,
    onChange: (key) => queue?.add(key),
    // Somebody else's status is put right; our own needs no walk.
    onStatus: (key, status) => {
      if (!statuses.isOwn(key, status)) queue?.add(key);
    },
    signal,
    log,
  });
  const statuses = statusWriter(kubeOfWalks, (key) => world.meshServices.get(key)?.status);
  const probes = await serveProbes({
    port: settings.LANDBRIDGE_PROBE_PORT,
    notReadyBecause: () => (admitting ? undefined : 'the caches are still filling'),
    metrics: () => metrics.registry.metrics(),
  });
  signal.addEventListener('abort', () => probes.close());

  await world.synced();
  const injector = await runInjector({
    kube,
    world,
    settings: {
      image: settings.LANDBRIDGE_SIDECAR_IMAGE,
      imagePullPolicy: settings.LANDBRIDGE_SIDECAR_PULL_POLICY,
    },
    namespace: settings.POD_NAMESPACE,
    port: settings.LANDBRIDGE_WEBHOOK_PORT,
    leads: () => queue !== undefined,
    metrics,
    nowMs: Date.now,
    signal,
    log,
  });
  admitting = true;
  log.info({ meshServices: world.meshServices.size, pods: world.pods.size }, 'serving admissions');

  await elect({
    client: kube,
    namespace: settings.POD_NAMESPACE,
    name: OPERATOR_LEASE,
    identity: `${settings.POD_NAME}_${randomUUID().slice(0, 8)}`,
    onStartedLeading: (leading) => {
      metrics.leading.set(1);
      queue = lead(settings, kubeOfWalks, world, statuses, metrics, log, leading);
      injector.refresh();
    },
    onStoppedLeading: () => {
      metrics.leading.set(0);
      queue = undefined;
    },
    signal,
    log,
  });

  // Endpoints take a moment to forget this pod: reviews that are still sent here are answered.
  await delay(3000);
  await injector.webhook.close();
}

/** What only the leader does. Everything it remembers starts empty, since another may have written meanwhile. */
function lead(
  settings: Environment,
  kube: KubeClient,
  world: ReturnType<typeof watchWorld>,
  statuses: StatusWriter,
  metrics: ReturnType<typeof operatorMetrics>,
  log: Log,
  signal: AbortSignal,
): Queue {
  // Every request under way listens to it, and there may be many at once: no leak to be warned of.
  setMaxListeners(0, signal);
  const file = fileReader(settings.LANDBRIDGE_SECRETS, Date.now);
  const server = openTransport({
    addresses: settings.LANDBRIDGE_CONSUL_HTTP.split(','),
    caPem: file('consul-ca.crt'),
    serverName: settings.LANDBRIDGE_CONSUL_SERVER_NAME,
    token: () => file('consul-token'),
    signal,
  });
  const reachability = watchReachability(server, {
    onAway: (error) => log.warn({ err: error }, 'Consul is away'),
    onReturn: () => {
      log.info('Consul is back');
      controller.consulIsBack();
    },
    clock: systemClock,
    random: Math.random,
    signal,
  });
  const consul = consulOver(reachability.transport);
  const claim = clusterClaim({
    consul,
    cluster: settings.LANDBRIDGE_CLUSTER,
    clusterUid: async () => (await kube.get<KubeObject>(namespaces, 'kube-system'))?.metadata.uid ?? '',
    trustMs: settings.LANDBRIDGE_VERIFY_SECONDS * 1000,
    steadyMs: systemClock.steady,
  });
  const catalog = claimedCatalog(claim, rememberingCatalog(consul));
  const [host = '', port = ''] = settings.LANDBRIDGE_CONSUL_GRPC.split(':');
  const secretsOfSidecars = sidecarSecrets({
    kube,
    consul,
    cluster: settings.LANDBRIDGE_CLUSTER,
    datacenter: settings.LANDBRIDGE_DATACENTER,
    consulGrpc: { host, port: Number(port) },
    serverName: settings.LANDBRIDGE_CONSUL_SERVER_NAME,
    consulCaPem: () => `${file('consul-ca.crt')}\n`,
    signingKeyPem: () => `${file('signing.key')}\n`,
    nowMs: Date.now,
  });
  const events = recordEvents({
    client: kube,
    reportingController: 'landbridge.dev/operator',
    reportingInstance: settings.POD_NAME,
    log,
  });
  const steps = operatorSteps({
    kube,
    consul,
    catalog,
    world,
    sidecarSecrets: secretsOfSidecars,
    statuses,
    metrics,
    publish: (intent, type, reason, note) =>
      events.record({ regarding: regarding(intent, world), type, reason, action: 'Reconcile', note }),
    onLost: ({ namespace, name }) => {
      log.warn({ meshService: `${namespace}/${name}` }, 'Consul had lost its entries; they are written again');
      secretsOfSidecars.forget(namespace, name);
      controller.queue.addAfter(`${namespace}/${name}`, 100);
    },
    again: (key) => controller.queue.add(key),
    now: () => new Date().toISOString(),
    nowMs: Date.now,
    log,
  });
  const controller = runController({
    world,
    consul,
    reachability,
    catalog,
    steps,
    cluster: settings.LANDBRIDGE_CLUSTER,
    metrics,
    verifyMs: settings.LANDBRIDGE_VERIFY_SECONDS * 1000,
    clock: systemClock,
    random: Math.random,
    signal,
    log,
  });
  return controller.queue;
}

const regarding = ({ namespace, name }: Intent, world: ReturnType<typeof watchWorld>) => ({
  apiVersion: API_VERSION,
  kind: 'MeshService',
  namespace,
  name,
  uid: world.meshServices.get(`${namespace}/${name}`)?.metadata.uid ?? '',
});
