import { API_VERSION, type MeshService, consulName } from '../../crds/mesh-service.ts';
import type { OwnerReference } from '../../crds/kubernetes.ts';
import type { ProxySettings } from '../../crds/proxy.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';

/** Whose Envoys start from the Secret. */
export interface SecretTarget {
  namespace: string;
  /** The MeshService's name, after which the Secret is called. */
  name: string;
  /** Its name in Consul, which the token is for. */
  service: string;
  stats: ProxySettings['stats'];
  /** Where the app should listen in each pod; undefined: not known, or nowhere. */
  appPort?: number | undefined;
  /** Envoy's runtime keys. Default: none of its own. */
  runtime?: Record<string, number>;
  /** For a gateway: other names in Consul that its token stands for. Default: not a gateway. */
  links?: readonly string[];
  /** Seconds after which Envoy opens its stream to Consul again. Default: it keeps the stream. */
  streamSeconds?: number;
  /** The Secret goes with these objects; without one it stays until `remove`. */
  ownerReferences: OwnerReference[];
}

/** `pods`: where a port that is given by its name is found. `service`: the name that is held. Default: the one asked for. */
export const targetOf = (
  meshService: MeshService,
  pods: Pick<PodFacts, 'ports'>[] = [],
  service = consulName(meshService),
): SecretTarget => {
  const { namespace = '', name, uid = '' } = meshService.metadata;
  const owner = { apiVersion: API_VERSION, kind: 'MeshService', name, uid, controller: true };
  const { port, proxy } = meshService.spec;
  const { stats } = proxy;
  const appPort = typeof port === 'string' ? portOfAll(pods, port) : port || undefined;
  return { namespace, name, service, stats, appPort, ownerReferences: [owner] };
};

/** Undefined where the pods do not agree: they have one Secret. */
function portOfAll(pods: Pick<PodFacts, 'ports'>[], name: string): number | undefined {
  const numbers = new Set(pods.map(({ ports }) => ports[name]));
  return numbers.size === 1 ? [...numbers][0] : undefined;
}
