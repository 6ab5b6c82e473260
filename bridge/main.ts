import type { Server } from 'node:http';
import pino from 'pino';
import { connectConsul } from '../clients/consul/connect.ts';
import { askDns } from '../clients/dns/ask-dns.ts';
import { connectKube } from '../clients/kube/client.ts';
import { systemClock } from '../base/clock.ts';
import { recordEvents } from '../clients/kube/events/events.ts';
import { reflectIn } from '../clients/kube/watching/reflect-in.ts';
import { meshServices as meshServiceResource } from '../clients/kube/resources.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import type { MeshService } from '../crds/mesh-service.ts';
import { type ServiceFacts, serviceFacts } from './admission.ts';
import { adminKeyReader } from './certificates/admin-keys.ts';
import { openAuthority } from './certificates/authority.ts';
import type { Bridge } from './api/bridge.ts';
import { brakeEvent } from './hosts/brake-event.ts';
import { consulTokenReader } from './tokens/consul-token.ts';
import { type BridgeSettings, defaultMutualTLS, readSecrets, readSettings } from './settings.ts';
import { startBridge } from './start.ts';
import { createTelemetryServer } from './observe/telemetry-server.ts';
import { openVmFiles } from './invites/vm-files.ts';

/**
 * The process `landbridge bridge`: runs until `signal` aborts, or another bridge takes over: then it ends, to be started
 * again and stand by. One bridge at a time per Consul datacenter is active (see bridge/standby/tenure.ts): leases are held in memory. Throws an Error with one line of advice when the environment, the secrets or a port are wrong.
 */
export async function runBridge(env: Record<string, string | undefined>, outer: AbortSignal): Promise<void> {
  const ending = new AbortController();
  const signal = AbortSignal.any([outer, ending.signal]);
  const settings = readSettings(env);
  const secrets = readSecrets(settings.secrets);
  const log = pino({ level: settings.logLevel, base: { process: 'bridge', pod: settings.pod.name } });
  const authority = openAuthority(secrets.caCertificatePem, secrets.caKeyPem);
  const { addresses, serverName, datacenter } = settings.consul;
  const consul = connectConsul({
    addresses,
    serverName,
    caPem: secrets.consulCaPem,
    token: consulTokenReader(settings.secrets, secrets.consulToken),
  });
  const kube = connectKube();
  const events = recordEvents({
    client: kube,
    reportingController: 'landbridge.dev/bridge',
    reportingInstance: settings.pod.name,
    signal,
    log,
  });
  const standard = { mutualTLS: defaultMutualTLS(settings), access: settings.defaultAccess };
  const meshServices = reflectIn<ServiceFacts, KubeObject, 'service'>(settings.watched, kube, meshServiceResource, {
    trim: (object) => serviceFacts(object as unknown as MeshService, standard),
    indexes: { service: (facts) => [facts.service] },
    signal,
    log,
  });
  const running = await startBridge(
    {
      consul,
      meshServices,
      authority,
      signingKeyPem: secrets.signingKeyPem,
      consulAccess: { grpc: settings.consulGrpc, serverName, datacenter, caPem: secrets.consulCaPem },
      advertise: settings.advertise,
      namespace: settings.pod.namespace,
      pod: settings.pod,
      leaseMs: settings.leaseMs,
      deregisterAfterMs: settings.deregisterAfterMs,
      port: settings.port,
      clock: systemClock,
      log,
      random: Math.random,
      onBrake: (site, held) => events.record(brakeEvent(settings.pod, site, held)),
      askName: askNameOf(settings),
      adminKeys: adminKeyReader(settings.secrets),
      vmFiles: openVmFiles({
        folder: settings.vmFiles,
        node: { path: process.execPath, arch: process.arch },
        bundle: ownBundle(),
      }),
    },
    signal,
  );
  void running.stopped.then(() => ending.abort());
  const telemetry = createTelemetryServer(running.bridge.metrics.registry, () => !signal.aborted);
  await listening(telemetry, settings.telemetryPort);
  await running.stopped;
  await meshServices.stopped;
  telemetry.close();
  telemetry.closeAllConnections();
  consul.close();
  await events.flush();
  log.info('bridge stopped');
}

/** Less than a machine's agent waits, so that it hears why. */
const NAME_TIMEOUT_MS = 1500;

function askNameOf({ consulDns }: BridgeSettings): Bridge['askName'] {
  return consulDns && ((question) => askDns(consulDns, question, NAME_TIMEOUT_MS));
}

/** This very program, when it is the one file that production runs. */
const ownBundle = (): string | undefined => (process.argv[1]?.endsWith('.mjs') ? process.argv[1] : undefined);

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve());
  });
}
