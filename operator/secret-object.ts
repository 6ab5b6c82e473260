import { SIDECAR_ADMIN_PORT, SIDECAR_READY_PORT } from '../crds/mesh-service.ts';
import { BOOTSTRAP_FILE, envoyBootstrap } from '../mesh/bootstrap.ts';
import { CA_FILE, TOKEN_FILE, caSecret, tokenSecret } from '../mesh/consul-cluster.ts';
import { equal } from '../mesh/equal.ts';
import { SIDECAR_MOUNT } from '../mesh/inject/sidecar.ts';
import { podsNode, sidecarSecret } from '../mesh/names.ts';
import type { SecretTarget } from './secret-target.ts';
import type { SidecarSecretOptions } from './sidecar-secret.ts';
import { TOKEN_KEY, type Token, tokenAnnotations } from './sidecar-token.ts';

export const MANAGED_BY = 'app.kubernetes.io/managed-by';

type SecretOptions = Pick<
  SidecarSecretOptions,
  'cluster' | 'datacenter' | 'consulGrpc' | 'serverName' | 'consulCaPem' | 'readyHost'
>;

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
    data: Object.fromEntries(
      Object.entries(files).map(([file, content]) => [file, Buffer.from(content).toString('base64')]),
    ),
  };
}
