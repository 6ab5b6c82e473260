import { isIP } from 'node:net';
import { z } from 'zod';
import { SIDECAR_ADMIN_PORT, SIDECAR_READY_PORT } from '../../crds/mesh-service.ts';
import { BOOTSTRAP_FILE, envoyBootstrap } from '../../mesh/envoy/bootstrap.ts';
import { CA_FILE, TOKEN_FILE, caSecret, tokenSecret } from '../../mesh/envoy/consul-cluster.ts';
import { equal } from '../../mesh/equal.ts';
import { SIDECAR_MOUNT } from '../../mesh/inject/sidecar.ts';
import { LABEL_MANAGED_BY, podsNode, sidecarSecret } from '../../mesh/names/names.ts';
import type { SecretTarget } from './secret-target.ts';
import { TOKEN_KEY, type Token, tokenAnnotations } from './sidecar-token.ts';
import { secretData, secretText } from '../../clients/kube/secret.ts';

export const MANAGED_BY = LABEL_MANAGED_BY;

export interface SecretOptions {
  cluster: string;
  datacenter: string;
  consulGrpc: { host: string; port: number };
  serverName: string;
  consulCaPem: () => string;
  /** Where /ready is open: `::` unless the kernels of this cluster have no IPv6. */
  readyHost?: '::' | '0.0.0.0';
}

/** Everything that is written stands there already. */
export const isAsWanted = (held: StoredSecret, wanted: StoredSecret): boolean =>
  equal(held.data, wanted.data) &&
  equal(held.metadata.annotations, wanted.metadata.annotations) &&
  equal(
    (held.metadata.ownerReferences ?? []).map(({ uid }) => uid),
    (wanted.metadata.ownerReferences ?? []).map(({ uid }) => uid),
  );

export interface StoredSecret {
  metadata: {
    name: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { uid: string }[];
  };
  data?: Record<string, string>;
}

/** The addresses of Consul in the bootstrap of a Secret that was written before; none when they cannot be read. */
export function addressesIn(held: StoredSecret | undefined): string[] {
  try {
    const bootstrap = storedBootstrap.parse(JSON.parse(secretText(held ?? {}, BOOTSTRAP_FILE)));
    const endpoints = bootstrap.static_resources.clusters.flatMap(({ load_assignment }) => load_assignment.endpoints);
    return endpoints
      .filter(({ priority }) => priority === 1)
      .flatMap(({ lb_endpoints }) => lb_endpoints.map(({ endpoint }) => endpoint.address.socket_address.address))
      .filter((address) => isIP(address) !== 0);
  } catch {
    return [];
  }
}

const address = z.object({ socket_address: z.object({ address: z.string().default('') }).prefault({}) });
const endpoints = z.object({
  priority: z.number().default(0),
  lb_endpoints: z.array(z.object({ endpoint: z.object({ address: address.prefault({}) }) })).default([]),
});
/** Those parts of it that hold the addresses; see mesh/envoy/consul-cluster.ts. */
const storedBootstrap = z.object({
  static_resources: z.object({
    clusters: z.array(
      z.object({ load_assignment: z.object({ endpoints: z.array(endpoints).default([]) }).prefault({}) }),
    ),
  }),
});

/** The Secret itself. */
export function secretObject(target: SecretTarget, token: Token, addresses: string[], options: SecretOptions) {
  const { namespace, name, service, stats, appPort, runtime, streamSeconds, ownerReferences } = target;
  const bootstrap = envoyBootstrap({
    consul: [options.consulGrpc],
    consulAddresses: addresses.map((host) => ({ host, port: options.consulGrpc.port })),
    serverName: options.serverName,
    datacenter: options.datacenter,
    service,
    consulNode: podsNode(options.cluster, namespace, name),
    secretsDirectory: SIDECAR_MOUNT,
    admin: { port: SIDECAR_ADMIN_PORT },
    readyPort: SIDECAR_READY_PORT,
    readyHost: options.readyHost,
    stats,
    appPort,
    runtime,
    streamSeconds,
  });
  const files = {
    [BOOTSTRAP_FILE]: JSON.stringify(bootstrap),
    [TOKEN_FILE]: JSON.stringify(tokenSecret(token.secretId)),
    [CA_FILE]: JSON.stringify(caSecret(options.consulCaPem())),
    [TOKEN_KEY]: token.secretId,
  };
  return {
    metadata: {
      name: sidecarSecret(name),
      namespace,
      labels: { [MANAGED_BY]: 'landbridge' },
      annotations: tokenAnnotations(token),
      ownerReferences,
    },
    type: 'Opaque',
    data: secretData(files),
  };
}
