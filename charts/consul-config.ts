import {
  CONSUL_DNS_PORT,
  CONSUL_GRPC_TLS_PORT,
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_SERVICE,
  DATACENTER,
  NAMESPACE,
} from '../mesh/installation/installation.ts';
import { equal, when } from './template/expression.ts';
import { values } from './values/tree.ts';

/** Files of the Secret landbridge-consul-server and of the volume, as the server sees them. */
export const CONSUL_TLS_DIRECTORY = '/consul/tls';
export const CONSUL_DATA_DIRECTORY = '/consul/data';
export const CONSUL_CA_FILE = `${CONSUL_TLS_DIRECTORY}/ca.crt`;
/** A snippet with the gossip key. The key is a secret, so the ConfigMap does not hold it. */
export const CONSUL_GOSSIP_FILE = `${CONSUL_TLS_DIRECTORY}/gossip.json`;
/** A snippet with the token by which it answers DNS. */
export const CONSUL_DNS_FILE = `${CONSUL_TLS_DIRECTORY}/dns.json`;

/** Consul's default of 0 makes every look-up of every resolver a question to the servers. A dead instance is asked for as much longer. */
const DNS_TTL = '5s';

const server = (index: number): string => `${CONSUL_SERVER_SERVICE}-${index}.${CONSUL_SERVER_SERVICE}.${NAMESPACE}.svc`;

/** The configuration of the Consul servers, over the values. */
export const consulConfig = (): object => ({
  ...restartConfig(),
  // Matter to a server without data only: one that runs goes on as it is when others come or go.
  bootstrap_expect: values.consul.servers,
  retry_join: when(equal(values.consul.servers, 3), [server(0), server(1), server(2)]),
});

/**
 * The part of it that a server has to be started again for. Keys: https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file
 */
export function restartConfig(): object {
  return {
    server: true,
    datacenter: DATACENTER,
    primary_datacenter: DATACENTER,
    data_dir: CONSUL_DATA_DIRECTORY,
    client_addr: '0.0.0.0',
    bind_addr: '0.0.0.0',
    log_level: values.logLevel,
    log_json: true,
    disable_update_check: true,
    // A server that left would find no quorum when its pod comes back: it only ever pauses.
    leave_on_terminate: false,
    // A server that was down for a week refuses to start by default. It may be the only one.
    server_rejoin_age_max: '87600h',
    // Elections and heartbeats in 1 s instead of 5 s.
    performance: { raft_multiplier: 1 },
    // Servers have no clients here, so there is nothing to measure.
    disable_coordinates: true,
    ports: {
      http: -1,
      https: CONSUL_HTTPS_PORT,
      grpc: -1,
      grpc_tls: CONSUL_GRPC_TLS_PORT,
      dns: CONSUL_DNS_PORT,
      serf_wan: -1,
    },
    dns_config: { node_ttl: DNS_TTL, service_ttl: { '*': DNS_TTL } },
    acl: { enabled: true, default_policy: 'deny', enable_token_persistence: true },
    tls: {
      defaults: {
        ca_file: CONSUL_CA_FILE,
        cert_file: `${CONSUL_TLS_DIRECTORY}/tls.crt`,
        key_file: `${CONSUL_TLS_DIRECTORY}/tls.key`,
        // Clients prove themselves with ACL tokens.
        verify_incoming: false,
        verify_outgoing: true,
        tls_min_version: 'TLSv1_2',
      },
      // Only servers speak this, so both sides show a certificate, and one that names a server.
      internal_rpc: { verify_incoming: true, verify_server_hostname: true },
    },
    connect: { enabled: true },
    peering: { enabled: false },
    ui_config: { enabled: false },
    telemetry: { prometheus_retention_time: '1m', disable_hostname: true },
  };
}
