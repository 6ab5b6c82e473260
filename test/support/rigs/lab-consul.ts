import { type ConsulRaft, connectRaft } from '../../../clients/consul/raft.ts';
import { connectConsul } from '../../../clients/consul/connect.ts';
import type { Consul } from '../../../clients/consul/consul.ts';
import { openTunnel } from '../../../clients/kube/tunnel.ts';
import type { RunningLab } from '../../../lab/running.ts';
import { CONSUL_HTTPS_PORT, CONSUL_SERVER_NAME, NAMESPACE, SECRETS } from '../../../mesh/installation/installation.ts';
import { consulServer } from '../../../mesh/installation/reshape.ts';

export interface LabServer {
  consul: Consul;
  raft: ConsulRaft;
  close(): void;
}

/** One of the lab's Consul servers by its ordinal, with the token that may do everything. */
export async function labServer(lab: RunningLab, ordinal = 0): Promise<LabServer> {
  const { kubeconfig } = lab.cluster;
  const read = async (secret: string, key: string): Promise<string> => {
    const jsonPath = `jsonpath={.data.${key.replaceAll('.', '\\.')}}`;
    const text = await lab.cluster.kubectl(['get', 'secret', secret, '-n', NAMESPACE, '-o', jsonPath]);
    return Buffer.from(text, 'base64').toString('utf8');
  };
  const [token, caPem] = await Promise.all([
    read(SECRETS.consulManagement, 'token'),
    read(SECRETS.consulServer, 'ca.crt'),
  ]);
  const tunnel = await openTunnel({ kubeconfig }, NAMESPACE, consulServer(ordinal), CONSUL_HTTPS_PORT);
  const options = { addresses: [tunnel.address], caPem, serverName: CONSUL_SERVER_NAME, token: () => token };
  const consul = connectConsul({ ...options, requestTimeoutMs: 2000 });
  const raft = connectRaft(options);
  return {
    consul,
    raft,
    close() {
      consul.close();
      raft.close();
      tunnel.close();
    },
  };
}

/** Names of all that Consul holds and must keep when servers come and go, by kind, sorted. */
export async function contentsOf({ consul }: LabServer): Promise<Record<string, string[]>> {
  const kinds = ['service-defaults', 'service-intentions', 'service-resolver', 'api-gateway', 'http-route'] as const;
  const nodes = (await consul.listNodes(''))
    .map(({ name }) => name)
    .filter((name) => !name.startsWith(consulServer(0).slice(0, -1)));
  const entries: Record<string, string[]> = {};
  for (const kind of kinds) entries[kind] = (await consul.listConfig(kind)).map(({ entry }) => entry.Name).sort();
  return {
    ...entries,
    nodes: nodes.sort(),
    services: await consul.services(),
    keys: (await consul.kvList('')).map(({ key }) => key),
    policies: (await consul.acl.listPolicies()).map(({ name }) => name).sort(),
    // Those of sidecars come and go.
    tokens: (await consul.acl.listTokens())
      .filter(({ authMethod }) => authMethod === undefined)
      .map(({ accessorId }) => accessorId)
      .sort(),
    ca: (await consul.caRoots()).roots.map(({ id }) => id),
  };
}
