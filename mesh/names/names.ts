/** Names and marks. Every name that two parts have to agree on is made here. */

/** Labels and annotations. */
export const LABEL_MESH = 'landbridge.dev/mesh';
export const LABEL_MESH_SERVICE = 'landbridge.dev/mesh-service';
export const LABEL_INJECT = 'landbridge.dev/inject';
export const ANNOTATION_INJECTED = 'landbridge.dev/injected';
/** On a pod of the terminating gateway: when the Secret that it starts from was changed last. */
export const ANNOTATION_SECRET_SINCE = 'landbridge.dev/secret-since';
export const FINALIZER = 'landbridge.dev/consul';

/** Kubernetes' own label for who keeps an object. */
export const LABEL_MANAGED_BY = 'app.kubernetes.io/managed-by';

/**
 * On the Namespace of the installation, which administrators alone may write: names in Consul, with commas between, or `*`, that
 * MeshServices of `namespace` may claim although they have instances.
 */
export const mayClaimAnnotation = (namespace: string): string => `may-claim.landbridge.dev/${namespace}`;

/** Kubernetes' own labels for what a pod is. */
export const LABEL_VERSION = 'app.kubernetes.io/version';
export const LABEL_ZONE = 'topology.kubernetes.io/zone';

/** Of the container port by which a port of the node leads to the sidecar; 15 characters are the most. */
export const HOST_PORT_NAME = 'landbridge-mesh';

/** Kubernetes' own label of a namespace: the Pod Security standard that its pods have to meet. */
export const LABEL_POD_SECURITY = 'pod-security.kubernetes.io/enforce';

/** Consul node of a MeshService: the boundary of ownership. */
export const podsNode = (cluster: string, namespace: string, name: string): string =>
  `${podsNodePrefix(cluster)}${namespace}.${name}`;

/** `namespace/name` of the MeshService that has such a node; no namespace has a dot in its name. */
export const meshServiceOfNode = (cluster: string, node: string): string =>
  node.slice(podsNodePrefix(cluster).length).replace('.', '/');

/** The beginning of the Consul nodes of all MeshServices of a cluster. */
export const podsNodePrefix = (cluster: string): string => `k8s.${cluster}.`;

/** Consul node that says which Kubernetes cluster goes by a name; no MeshService's node is called so, as those have more parts. */
export const clusterNode = (cluster: string): string => `${podsNodePrefix(cluster)}cluster`;
export const clusterOwner = (cluster: string): string => `k8s/${cluster}`;
/** Meta of that node: the uid of the cluster's namespace kube-system. */
export const CLUSTER_UID_META = 'landbridge-cluster-uid';

/** Consul node of a VM. */
export const vmNode = (site: string, host: string): string => `vm.${site}.${host}`;

/** Consul node of a sidecar-less machine. */
export const externalNode = (site: string, name: string): string => `${externalNodePrefix}${site}.${name}`;

/** The beginning of the Consul nodes of all sidecar-less machines. */
export const externalNodePrefix = 'ext.';

/** The owner of the entries of a MeshService in Consul. */
export const meshServiceOwner = (cluster: string, namespace: string, name: string): string =>
  `k8s/${cluster}/${namespace}/${name}`;

/** Whose mark it is; undefined: not that of a MeshService of this cluster. */
export function ownedBy(cluster: string, owner: string | undefined): { namespace: string; name: string } | undefined {
  const [platform, itsCluster, namespace, name, ...more] = (owner ?? '').split('/');
  if (platform !== 'k8s' || itsCluster !== cluster || !namespace || !name || more.length > 0) return undefined;
  return { namespace, name };
}

/** The owner of the entries of a bridge for a VM, or for a sidecar-less machine. */
export const bridgeOwner = (site: string, host: string): string => `bridge/${site}/${host}`;

/** Service ID of an instance's sidecar; it is also Envoy's node id. */
export const sidecarId = (instance: string): string => `${instance}-sidecar`;

/** Consul service name of an instance's sidecar, as Consul's own tools call it. */
export const sidecarService = (service: string): string => `${service}-sidecar-proxy`;

/** Secret that the operator keeps for the sidecars of a MeshService. */
export const sidecarSecret = (meshService: string): string => `${meshService}${SIDECAR_SECRET_END}`;
const SIDECAR_SECRET_END = '-landbridge';

/** NetworkPolicy that the operator keeps for the pods of a MeshService. */
export const sidecarPolicy = (meshService: string): string => sidecarSecret(meshService);
/** The MeshService that a NetworkPolicy of such a name may be kept for. */
export const meshServiceOfPolicy = (policy: string): string | undefined => meshServiceOfSecret(policy);

/** The MeshService that a Secret is kept for; undefined for any other Secret. */
export const meshServiceOfSecret = (secret: string): string | undefined =>
  secret.endsWith(SIDECAR_SECRET_END) ? secret.slice(0, -SIDECAR_SECRET_END.length) : undefined;
/** The name of the container in every pod of the mesh. */
export const SIDECAR_CONTAINER = 'landbridge-sidecar';
/**
 * A variable of the sidecar that Envoy does not read: the variables that the pod's containers were given, `NAME=VALUE,...`; an
 * earlier version wrote the names alone.
 */
export const MARK_VARIABLES = 'LANDBRIDGE_VARIABLES';
/** On the registration of an app on a machine: `closed`, `plaintext` (it is to stay open), or `open: ` with the reason. */
export const DOOR_META = 'landbridge-door';
