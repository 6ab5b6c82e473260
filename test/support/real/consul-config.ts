import { join } from 'node:path';

export interface ServerPorts {
  http: number;
  grpc: number;
  server: number;
  serf: number;
  /** Default: none. */
  dns?: number;
}

/** Configuration of one representative server, https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file */
export function serverConfig(input: {
  directory: string;
  /** Where it listens, for clients and for itself. */
  host: string;
  ports: ServerPorts;
  acl: boolean;
  tls: boolean;
  /** The token with which it answers DNS. */
  dnsToken?: string;
}): object {
  const { directory, host, ports, acl, tls, dnsToken } = input;
  return {
    server: true,
    bootstrap_expect: 1,
    node_name: 'server-1',
    datacenter: 'dc1',
    data_dir: join(directory, 'data'),
    bind_addr: host,
    client_addr: host,
    ports: {
      http: tls ? -1 : ports.http,
      https: tls ? ports.http : -1,
      grpc: tls ? -1 : ports.grpc,
      grpc_tls: tls ? ports.grpc : -1,
      server: ports.server,
      serf_lan: ports.serf,
      serf_wan: -1,
      dns: ports.dns ?? -1,
    },
    connect: { enabled: true },
    peering: { enabled: false },
    performance: { raft_multiplier: 1 },
    // Each would write into raft by itself now and then, and tests count raft writes.
    disable_coordinates: true,
    disable_update_check: true,
    log_level: 'warn',
    acl: acl
      ? { enabled: true, default_policy: 'deny', enable_token_persistence: true, tokens: { dns: dnsToken } }
      : { enabled: false },
    ...(tls ? { tls: { defaults: tlsFiles(directory) } } : {}),
  };
}

const tlsFiles = (directory: string): object => ({
  ca_file: join(directory, 'ca.pem'),
  cert_file: join(directory, 'cert.pem'),
  key_file: join(directory, 'key.pem'),
  verify_incoming: false,
});
