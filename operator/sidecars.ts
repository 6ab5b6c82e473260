import { lookup } from 'node:dns/promises';
import type { Consul } from '../clients/consul/consul.ts';
import type { KubeClient } from '../clients/kube/client.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { readyHostOf } from '../mesh/envoy/bootstrap.ts';
import type { Environment } from './environment.ts';
import { followConsulAddresses } from './sidecar-secret/consul-addresses.ts';
import { type SidecarSecrets, sidecarSecrets } from './sidecar-secret/sidecar-secret.ts';

/** The Secrets from which sidecars and gateways start, as this installation has them. */
export function secretsOfSidecars(parts: {
  settings: Environment;
  kube: KubeClient;
  consul: Consul;
  /** Reads a file of the operator's Secret. */
  file: (name: string) => string;
  signal: AbortSignal;
  log: Log;
}): SidecarSecrets {
  const { settings, kube, consul, file, signal, log } = parts;
  const consulGrpc = settings.LANDBRIDGE_CONSUL_GRPC;
  return sidecarSecrets({
    kube,
    consul,
    cluster: settings.LANDBRIDGE_CLUSTER,
    datacenter: settings.LANDBRIDGE_DATACENTER,
    consulGrpc,
    consulAddresses: followConsulAddresses({
      host: consulGrpc.host,
      lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
      clock: systemClock,
      signal,
      log,
    }),
    readyHost: readyHostOf(settings.POD_IP),
    serverName: settings.LANDBRIDGE_CONSUL_SERVER_NAME,
    consulCaPem: () => `${file('consul-ca.crt')}\n`,
    signingKeyPem: () => `${file('signing.key')}\n`,
    nowMs: Date.now,
  });
}
