import { setMaxListeners } from 'node:events';
import { consulOver } from '../clients/consul/connect.ts';
import { watchReachability } from '../clients/consul/reachability.ts';
import type { Transport } from '../clients/consul/transport.ts';
import type { KubeClient } from '../clients/kube/client.ts';
import { systemClock } from '../base/clock.ts';
import { recordEvents } from '../clients/kube/events/events.ts';
import type { Log } from '../base/log.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import { namespaces } from '../clients/kube/resources.ts';
import { rememberingCatalog } from './catalog/catalog.ts';
import { claimedCatalog, clusterClaim } from './catalog/cluster-claim.ts';
import { type ControllerOptions, runController } from './reconcile/controller.ts';
import { defaultMutualTLS } from './foreign/default-mutual-tls.ts';
import { keepDoors } from './doors/doors.ts';
import { keepEdge } from './gateways/edge.ts';
import type { Environment } from './environment.ts';
import { followEntries } from './entries.ts';
import { exposuresOf } from './gateways/exposures.ts';
import { type TerminatingGatewayOptions, keepTerminatingGateway } from './gateways/terminating.ts';
import { linkCandidates } from './gateways/link-candidates.ts';
import type { OperatorMetrics } from './observe/metrics.ts';
import { keepProxies } from './proxies/proxies.ts';
import type { Queue } from './reconcile/queue.ts';
import { watchRefusedPods } from './world/refused-pods.ts';
import { secretsOfSidecars } from './sidecars.ts';
import { mayClaimOver } from './catalog/may-claim.ts';
import { hasMachines, watchSiteReach } from './world/site-reach.ts';
import { finalizer } from './reconcile/finalizer.ts';
import { intents } from './reconcile/intents.ts';
import { knownNames } from './reconcile/known-names.ts';
import { reportWalk } from './reconcile/report-walk.ts';
import { surroundings } from './reconcile/surroundings.ts';
import type { StatusWriter } from './reconcile/status-writer.ts';
import type { World } from './world/world.ts';
import { keysOf, regarding } from './world/regarding.ts';

export interface LeadOptions {
  settings: Environment;
  kube: KubeClient;
  /** The way to the Consul servers, with the operator's token. */
  server: Transport;
  /** The same, for questions that Consul answers after a change. Default: only the survey finds foreign changes. */
  patient?: Transport;
  /** Reads a file of the operator's Secret. */
  file: (name: string) => string;
  world: World;
  /** Pods of the terminating gateway; undefined when the chart deploys none. */
  gatewayPods: TerminatingGatewayOptions['pods'];
  statuses: StatusWriter;
  metrics: OperatorMetrics;
  /** Aborts when the lead is over. */
  signal: AbortSignal;
  log: Log;
}

export interface Led {
  queue: Queue;
  /** Something changed that they may be made of. */
  nudgeGateways(): void;
  /** A MeshService or its pods changed. */
  touched(key: string): void;
}

/** The work of the leader alone. Everything it remembers starts empty, since another may have written meanwhile. */
export function lead(options: LeadOptions): Led {
  const { settings, kube, server, file, world, statuses, metrics, signal, log } = options;
  // Every request under way listens to it, and there may be many at once: no leak to be warned of.
  setMaxListeners(0, signal);
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
  const catalog = claimedCatalog(claim, rememberingCatalog(consul, mayClaimOver(kube)));
  const sidecarSecrets = secretsOfSidecars({ settings, kube, consul, file, signal, log });
  const events = recordEvents({
    client: kube,
    reportingController: 'landbridge.dev/operator',
    reportingInstance: settings.POD_NAME,
    signal,
    log,
  });
  const edge = keepEdge({
    enabled: settings.LANDBRIDGE_EDGE === 'enabled',
    kube,
    consul,
    sidecarSecrets,
    cluster: settings.LANDBRIDGE_CLUSTER,
    ports: { http: settings.LANDBRIDGE_EDGE_HTTP_PORT, https: settings.LANDBRIDGE_EDGE_HTTPS_PORT },
    rules: settings.LANDBRIDGE_EDGE_HOSTS,
    exposures: () => exposuresOf(world),
    onVerdict: (key) => controller.queue.add(key),
    nowMs: Date.now,
    random: Math.random,
    signal,
    log,
  });
  const siteReach = watchSiteReach({
    consul,
    anyMachines: () => [...world.meshServices.keys()].some((key) => hasMachines(world.meshServices.get(key)!)),
    calls: (service) => world.meshServices.by('calls', service),
    onChange: (service) => {
      for (const key of keysOf(world, service)) controller.queue.add(key);
    },
    clock: systemClock,
    signal,
    log,
  });
  const anyGateway = settings.LANDBRIDGE_EDGE === 'enabled' || settings.LANDBRIDGE_GATEWAY === 'enabled';
  const { entries, foreign } = followEntries({
    patient: options.patient,
    consul,
    cluster: settings.LANDBRIDGE_CLUSTER,
    anyGateway,
    metrics,
    signal,
    log,
  });
  const proxies = keepProxies({
    kube,
    patient: options.patient,
    entries,
    world,
    anyGateway,
    onChange: (key) => controller.queue.add(key),
    clock: systemClock,
    random: Math.random,
    signal,
    log,
  });
  const refusedPods = watchRefusedPods({
    kube,
    world,
    watched: settings.LANDBRIDGE_WATCH_NAMESPACES,
    onChange: (key) => controller.queue.add(key),
    signal,
    log,
  });
  const doors = keepDoors({
    kube,
    world,
    standard: defaultMutualTLS(settings.LANDBRIDGE_DEFAULT_MUTUAL_TLS, file, Date.now),
    watched: settings.LANDBRIDGE_WATCH_NAMESPACES,
    onChange: (key) => controller.queue.add(key),
    clock: systemClock,
    signal,
    log,
  });
  const gateway = keepTerminatingGateway({
    pods: options.gatewayPods,
    kube,
    consul,
    sidecarSecrets,
    cluster: settings.LANDBRIDGE_CLUSTER,
    port: settings.LANDBRIDGE_GATEWAY_PORT,
    candidates: () => linkCandidates(world),
    onVerdict: (key) => controller.queue.add(key),
    random: Math.random,
    signal,
    log,
  });
  const names = knownNames(settings.LANDBRIDGE_CLUSTER, (key) => world.meshServices.get(key) !== undefined);
  const report = reportWalk({
    foreign,
    metrics,
    publish: (intent, type, reason, note) =>
      events.record({ regarding: regarding(intent, world), type, reason, action: 'Reconcile', note }),
    onLost: ({ namespace, name }) => {
      log.warn({ meshService: `${namespace}/${name}` }, 'Consul had lost its entries; they are written again');
      sidecarSecrets.forget(namespace, name);
      controller.queue.addAfter(`${namespace}/${name}`, 100);
    },
    log,
  });
  const parts: ControllerOptions['parts'] = {
    meshServices: world.meshServices,
    intents: intents({ kube, world, names }),
    names,
    finalizer: finalizer({ kube, meshServices: world.meshServices, log }),
    doors,
    catalog,
    foreign,
    report,
    sidecarSecrets,
    surroundings: surroundings({
      ...{ kube, consul, namespaces: world.namespaces, siteReach, proxies, foreign, refusedPods, doors, edge, gateway },
      nowMs: Date.now,
      log,
    }),
    statuses,
    again: (key) => controller.queue.add(key),
    now: () => new Date().toISOString(),
  };
  const controller = runController({
    world,
    consul,
    reachability,
    catalog,
    entries,
    foreign,
    parts,
    cluster: settings.LANDBRIDGE_CLUSTER,
    watched: settings.LANDBRIDGE_WATCH_NAMESPACES,
    metrics,
    verifyMs: settings.LANDBRIDGE_VERIFY_SECONDS * 1000,
    clock: systemClock,
    random: Math.random,
    signal,
    log,
  });
  return {
    queue: controller.queue,
    touched(key) {
      proxies.touched(key);
      doors.touched(key);
    },
    nudgeGateways() {
      edge.nudge();
      gateway.nudge();
    },
  };
}
