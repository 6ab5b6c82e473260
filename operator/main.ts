import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { openTransport } from '../clients/consul/transport.ts';
import { WATCH_TIMEOUT_MS } from '../clients/consul/reading/watch.ts';
import { connectKube } from '../clients/kube/client.ts';
import { elect } from '../clients/kube/leading/elect.ts';
import type { Log } from '../base/log.ts';
import { serverMinor } from '../clients/kube/server-minor.ts';
import { OPERATOR_LEASE } from '../mesh/installation/installation.ts';
import { readEnvironment } from './environment.ts';
import { fileReader } from './file-reader.ts';
import { runInjector } from './admission/injector.ts';
import { type Led, lead } from './lead.ts';
import { operatorMetrics } from './observe/metrics.ts';
import { serveProbes } from './observe/probe-server.ts';
import { statusWriter } from './reconcile/status-writer.ts';
import { watchGatewayPods } from './world/gateway-pods.ts';
import { watchWorld } from './world/world.ts';

/**
 * How long each request of a walk waits for the API server: while it waits its key is not walked again, and the wanted state in Consul needs no API server. A walk may ask four times (NetworkPolicy, Secret, pods, status), so a silent one holds it up for 12 s.
 */
const WALK_PATIENCE_MS = 3000;

/** The preStop action `sleep` is on by default since then (KEP-3960). An older API server refuses pods that have it. */
const SLEEP_HOOKS_MINOR = 30;

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

  let leading: Led | undefined;
  let admitting = false;
  const world = watchWorld({
    kube,
    cluster: settings.LANDBRIDGE_CLUSTER,
    defaultAccess: settings.LANDBRIDGE_DEFAULT_ACCESS,
    watched: settings.LANDBRIDGE_WATCH_NAMESPACES,
    onChange: (key) => {
      leading?.queue.add(key);
      leading?.touched(key);
      leading?.nudgeGateways();
    },
    // Somebody else's status is put right; our own needs no walk.
    onStatus: (key, status) => {
      if (!statuses.isOwn(key, status)) leading?.queue.add(key);
      // It may hold its name now.
      leading?.nudgeGateways();
    },
    signal,
    log,
  });
  const gatewayPods =
    settings.LANDBRIDGE_GATEWAY === 'disabled'
      ? undefined
      : watchGatewayPods({ kube, onChange: () => leading?.nudgeGateways(), signal, log });
  const statuses = statusWriter(kubeOfWalks, (key) => world.meshServices.get(key)?.status);
  const probes = await serveProbes({
    port: settings.LANDBRIDGE_PROBE_PORT,
    notReadyBecause: () => (admitting ? undefined : 'the caches are still filling'),
    metrics: () => metrics.registry.metrics(),
  });
  signal.addEventListener('abort', () => probes.close());

  await world.synced();
  const minor = await serverMinor(kube).catch((error: unknown) => {
    log.warn({ err: error }, 'the API server does not tell its version, so containers get no preStop hook');
    return undefined;
  });
  const injector = await runInjector({
    kube,
    world,
    settings: {
      image: settings.LANDBRIDGE_SIDECAR_IMAGE,
      imagePullPolicy: settings.LANDBRIDGE_SIDECAR_PULL_POLICY,
      sleepHooks: minor !== undefined && minor >= SLEEP_HOOKS_MINOR,
    },
    namespace: settings.POD_NAMESPACE,
    port: settings.LANDBRIDGE_WEBHOOK_PORT,
    leads: () => leading !== undefined,
    metrics,
    nowMs: Date.now,
    random: Math.random,
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
    onStartedLeading: (whileLeading) => {
      metrics.leading.set(1);
      const file = fileReader(settings.LANDBRIDGE_SECRETS, Date.now);
      const toConsul = {
        addresses: settings.LANDBRIDGE_CONSUL_HTTP,
        caPem: file('consul-ca.crt'),
        serverName: settings.LANDBRIDGE_CONSUL_SERVER_NAME,
        token: () => file('consul-token'),
        signal: whileLeading,
      };
      const server = openTransport(toConsul);
      // Connections of their own: questions that wait for minutes would keep the walks' away.
      const patient = openTransport({ ...toConsul, requestTimeoutMs: WATCH_TIMEOUT_MS });
      leading = lead({
        settings,
        kube: kubeOfWalks,
        server,
        patient,
        file,
        world,
        gatewayPods,
        statuses,
        metrics,
        signal: whileLeading,
        log,
      });
      injector.refresh();
    },
    onStoppedLeading: () => {
      metrics.leading.set(0);
      leading = undefined;
    },
    signal,
    log,
  });

  // Endpoints take a moment to forget this pod: reviews that are still sent here are answered.
  await delay(3000);
  await injector.webhook.close();
}
