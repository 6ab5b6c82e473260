import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { connectConsul } from '../../clients/consul/connect.ts';
import type { Consul } from '../../clients/consul/consul.ts';
import { type KubeClient, connectKube } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { secrets } from '../../clients/kube/resources.ts';
import { openTunnel } from '../../clients/kube/tunnel.ts';
import type { RunningLab } from '../../lab/running.ts';
import { CONFIG_KINDS, type ConfigEntry } from '../../mesh/catalog/entry.ts';
import { CONSUL_HTTPS_PORT, CONSUL_SERVER_NAME, NAMESPACE, SECRETS } from '../../mesh/installation/installation.ts';
import { consulServer } from '../../mesh/installation/reshape.ts';

/** Services whose entries, nodes and keys must stay as they are. */
const SAMPLE = ['frontend', 'sub-svc', 'add-svc', 'api-gateway', 'echo-', 'ledger'];

/** The credentials of holders on the lab as a thief finds them, and the real contents of the lab. */
export interface LabHolders {
  /** As an administrator of the cluster. */
  kube: KubeClient;
  /** With the token that may do everything in Consul. */
  truth: Consul;
  secret(name: string, namespace?: string): Promise<Record<string, string>>;
  /** A file as a process in the container of a pod reads it. */
  readInPod(component: string, container: string, path: string): Promise<string>;
  consulAs(token: string): Consul;
  kubeAs(token: string): Promise<KubeClient>;
  tokenOf(serviceAccount: string, namespace: string): Promise<string>;
  /** Config entries of the sample, the names of its nodes, and everything that an attack here would make. It must stay as it is. */
  held(): Promise<unknown>;
  close(): Promise<void>;
}

export async function labHolders(lab: RunningLab): Promise<LabHolders> {
  const { kubeconfig } = lab.cluster;
  const kube = connectKube({ kubeconfig });
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-holders-'));
  const open: Consul[] = [];
  let files = 0;
  const secret: LabHolders['secret'] = async (name, namespace = NAMESPACE) => {
    const found = await kube.get<KubeObject & { data: Record<string, string> }>(secrets, name, namespace);
    const entries = Object.entries(found?.data ?? {});
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
  };
  const [management, server] = await Promise.all([secret(SECRETS.consulManagement), secret(SECRETS.consulServer)]);
  const tunnel = await openTunnel({ kubeconfig }, NAMESPACE, consulServer(0), CONSUL_HTTPS_PORT);
  const consulAs = (token: string): Consul => {
    const to = { addresses: [tunnel.address], caPem: server['ca.crt']!, serverName: CONSUL_SERVER_NAME };
    const consul = connectConsul({ ...to, token: () => token, requestTimeoutMs: 5000 });
    open.push(consul);
    return consul;
  };
  const truth = consulAs(management['token']!);

  return {
    kube,
    truth,
    secret,
    consulAs,
    async readInPod(component, container, path) {
      const select = ['get', 'pods', '-n', NAMESPACE, '-l', `app.kubernetes.io/component=${component}`];
      const name = await lab.cluster.kubectl([...select, '-o', 'jsonpath={.items[0].metadata.name}']);
      const read = ['/usr/local/bin/node', '-p', `require('fs').readFileSync(${JSON.stringify(path)}, 'utf8')`];
      return lab.cluster.kubectl(['exec', '-n', NAMESPACE, name, '-c', container, '--', ...read]);
    },
    async kubeAs(token) {
      const config = new KubeConfig();
      config.loadFromFile(kubeconfig);
      const [user, context] = ['holder', config.getContextObject(config.getCurrentContext())!];
      config.users = [{ name: user, token } as KubeConfig['users'][number]];
      config.contexts = [{ ...context, user }];
      const file = join(folder, `${files++}`);
      await writeFile(file, config.exportConfig(), { mode: 0o600 });
      return connectKube({ kubeconfig: file });
    },
    async tokenOf(serviceAccount, namespace) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
      return (await kube.request<{ status: { token: string } }>('POST', path, { body })).status.token;
    },
    async held() {
      const kinds = [...CONFIG_KINDS, 'http-route', 'proxy-defaults'] as ConfigEntry['Kind'][];
      const lists = await Promise.all(kinds.map((kind) => truth.listConfig(kind)));
      // Consul itself writes into a route whether it is bound.
      const config = lists.flat().map(({ entry }) => ({ ...entry, Status: undefined }));
      const nodes = (await truth.listNodes('')).map(({ name }) => name);
      const keys = (await truth.kvList('landbridge/')).map(({ key }) => key);
      const isTold = (name: string): boolean =>
        SAMPLE.some((service) => name.includes(service)) || /mine|false/.test(name);
      return {
        config: config.filter(({ Name }) => isTold(Name) || Name === 'global'),
        nodes: nodes.filter((name) => isTold(name) || /^vm\.rack-1\.vm\d$/.test(name)),
        keys: keys.filter(isTold),
      };
    },
    async close() {
      for (const consul of open) consul.close();
      tunnel.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `done`, or the words of the refusal. */
export const answerOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (found) => (Array.isArray(found) && found.some(({ ok }) => ok === false) ? JSON.stringify(found) : 'done'),
    (error: Error) => error.message,
  );

/** Consul or the API server says that this credential may not. */
export async function denied(what: string, work: Promise<unknown>): Promise<void> {
  expect(await answerOf(work), what).to.match(/denied|Permission|forbidden/i);
}

/** Tries with one token what changes the mesh for others. */
export const attempts = (consul: Consul) => ({
  async entry(entry: Partial<ConfigEntry> & Pick<ConfigEntry, 'Kind' | 'Name'>): Promise<unknown> {
    // Without the index a write would be refused for another reason than the token.
    const modifyIndex = (await consul.readConfig(entry.Kind, entry.Name).catch(() => undefined))?.modifyIndex ?? 0;
    return consul.apply([{ op: 'set-config', entry: { Meta: {}, ...entry } as ConfigEntry, modifyIndex }]);
  },
  intention: (name: string) =>
    attempts(consul).entry({
      Kind: 'service-intentions',
      Name: name,
      Sources: [{ Name: '*', Action: 'allow' }],
    } as never),
  instance: (node: string, service: string) =>
    consul.apply([
      {
        op: 'register',
        node: { Node: node, Address: '10.6.6.6', Meta: {} },
        registration: {
          service: { ID: `${service}-false`, Service: service, Address: '10.6.6.6', Port: 1, Tags: [], Meta: {} },
          checks: [],
        },
      },
    ]),
  node: (node: string) => consul.apply([{ op: 'set-node', node: { Node: node, Address: '10.6.6.6', Meta: {} } }]),
  noNode: (node: string) => consul.apply([{ op: 'delete-node', node }]),
  key: (key: string) => consul.kvCas(key, '{}', 0),
  policy: () => consul.acl.upsertPolicy({ name: 'mine', description: '', rules: 'acl = "write"' }),
  tokens: () => consul.acl.listTokens({}),
});
