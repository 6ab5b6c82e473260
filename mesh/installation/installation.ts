/** Names of an installation, and ports of its parts. The chart makes them, the processes find them. */

export const NAMESPACE = 'landbridge';
export const DATACENTER = 'dc1';

/** Name in the Consul servers' certificate, which every client expects at any address. */
export const CONSUL_SERVER_NAME = `server.${DATACENTER}.consul`;

/** Services. */
export const CONSUL_SERVICE = 'landbridge-consul';
export const CONSUL_SERVER_SERVICE = 'landbridge-consul-server';
export const CONSUL_XDS_SERVICE = 'landbridge-consul-xds';
/** On port 53, for the cluster's DNS servers and the bridge. */
export const CONSUL_DNS_SERVICE = 'landbridge-consul-dns';
export const BRIDGE_SERVICE = 'landbridge-bridge';
export const WEBHOOK_SERVICE = 'landbridge-webhook';

/** Ports of containers; the Services have the same numbers but for the webhook's, which the API server asks on 443. */
export const CONSUL_HTTPS_PORT = 8501;
export const CONSUL_GRPC_TLS_PORT = 8503;
export const CONSUL_DNS_PORT = 8600;
export const BRIDGE_PORT = 8443;
export const WEBHOOK_PORT = 9443;
/** Ports of the edge gateway. */
export const EDGE_HTTP_PORT = 30800;
export const EDGE_HTTPS_PORT = 30843;
/** Where sidecars reach the terminating gateway. */
export const GATEWAY_PORT = 20_100;
/** Finds its pods: the component of the chart. */
export const GATEWAY_SELECTOR = 'app.kubernetes.io/name=landbridge,app.kubernetes.io/component=gateway';
/** Finds the pods of both gateways. */
export const GATEWAYS_SELECTOR = 'app.kubernetes.io/name=landbridge,app.kubernetes.io/component in (edge,gateway)';
/** `/healthz`, `/readyz` and `/metrics` of the operator and of the bridge. */
export const OBSERVE_PORT = 8080;

export const WEBHOOK_CONFIGURATION = 'landbridge-injector';
export const WEBHOOK_PATH = '/mutate';
export const VALIDATOR_CONFIGURATION = 'landbridge-validator';
export const VALIDATOR_PATH = '/validate';
export const OPERATOR_LEASE = 'landbridge-operator';
/** As the API server calls its service account. */
export const OPERATOR_USER = `system:serviceaccount:${NAMESPACE}:landbridge-operator`;

/** Secrets that the bootstrap job makes once, and their keys. */
export const SECRETS = {
  /** ca.crt, ca.key: signs the Consul servers' certificates. */
  consulCa: 'landbridge-consul-ca',
  /** ca.crt, tls.crt, tls.key; consul-accessor, consul-token, dns-accessor, dns-token; gossip.json and dns.json, snippets of Consul's configuration. */
  consulServer: 'landbridge-consul-server',
  /** token: may do everything in Consul. Read by the bootstrap job alone. */
  consulManagement: 'landbridge-consul-management',
  /** consul-accessor, consul-token, consul-ca.crt, signing.key. */
  operator: 'landbridge-operator',
  /** The same; ca.crt, ca.key: the bridge's CA for the certificates of hosts and its own; admin-keys. */
  bridge: 'landbridge-bridge',
  /** tls.crt, tls.key, ca.crt, addresses. A reader of it may invite. */
  bridgeAdmin: 'landbridge-bridge-admin',
} as const;

/** Beside the bridge's own secrets: SHA-256 of the keys of those who may invite, one a line. */
export const ADMIN_KEYS_FILE = 'admin-keys';

/** Key of the Secrets of operator and bridge: the mode of MeshServices that do not say it, where the values leave it open. */
export const DEFAULT_MUTUAL_TLS_KEY = 'default-mutual-tls';

/** The webhook's certificate and its CA. The operator makes it. */
export const WEBHOOK_SECRET = 'landbridge-webhook-cert';

/** What to do about a Secret that is not whole; docs/troubleshooting.md, "Run the bootstrap job again". */
export const BOOTSTRAP_AGAIN =
  `run the bootstrap job again: kubectl -n ${NAMESPACE} delete job -l app.kubernetes.io/component=bootstrap, then ` +
  'landbridge manifests -f VALUES | kubectl apply --server-side -f - with the values of the installation';

/** Where the operator and the bridge find their Secrets. */
export const OPERATOR_SECRETS_DIRECTORY = '/etc/landbridge/operator';
export const BRIDGE_SECRETS_DIRECTORY = '/etc/landbridge/bridge';
/** Where the upgrade job of Helm's chart finds the token and the CA of Consul. */
export const UPGRADE_SECRETS_DIRECTORY = '/etc/landbridge/upgrade';
/**
 * Options of the operator's Node. V8 keeps the garbage of each burst of walks in a young generation of up to three times this, MB, and
 * gives little of it back: with the default of 16 an operator among 5,000 pods is resident with some 14 MB more.
 */
export const OPERATOR_NODE_OPTIONS = '--max-semi-space-size=8';
/** Memory limit of the operator's container by default. */
export const OPERATOR_MEMORY_LIMIT = '256Mi';
/**
 * With that limit, MB of V8's old generation. Node takes the whole limit for its heap (259 MB measured), and other memory comes on top: some 70 MB, and 24 of the young generation. So garbage alone could have the container killed.
 */
export const OPERATOR_HEAP_OPTION = '--max-old-space-size=160';
/** Where the bootstrap job finds ca.crt and token of Consul servers that are not its own. */
export const EXTERNAL_CONSUL_DIRECTORY = '/etc/landbridge/external-consul';
