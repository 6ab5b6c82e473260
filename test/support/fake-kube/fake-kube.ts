import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKube, type KubeClient } from '../../../clients/kube/client.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { namespaces } from '../../../clients/kube/resources.ts';
import { answerRequest } from './answer.ts';
import { kubeconfigWith } from './kubeconfig.ts';
import { createFakeReader } from './read.ts';
import { builtInResources } from './resources.ts';
import { createFakeStore } from './store.ts';
import { createFakeWriter } from './write.ts';

interface FakeRequest {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
}

export interface FakeKube {
  url: string;
  /** Path of a kubeconfig. */
  kubeconfig: string;
  client: KubeClient;
  /** The requests so far, the last 10 000 of them. */
  requests: FakeRequest[];
  /**
   * Asked before every request: a status code and reason to fail with, `reset` to cut the connection, `hang` to never answer,
   * undefined to serve it. Undefined by itself: all are served.
   */
  intercept:
    | ((request: FakeRequest) => { code: number; reason: string; message?: string } | 'reset' | 'hang' | undefined)
    | undefined;
  /** Forgets the history: a watch from before, and the rest of a list begun before, are answered with 410. */
  compact(): void;
  /** Cuts all connections and refuses new ones; the objects stay. */
  goDown(): Promise<void>;
  /** Listens on the same port again. Like the real server it knows no history from before. */
  comeBack(): Promise<void>;
  restart(): Promise<void>;
  /** Cuts the watches and whatever else is under way. */
  cutConnections(): void;
  stop(): Promise<void>;
}

const requestLogLimit = 10_000;

/**
 * An API server in this process, on plain loopback HTTP, for `connectKube`: get, list (pages, selectors, metadata only), watch
 * (bookmarks, 410), create, replace, merge and JSON patch, server-side apply, status subresource, finalizers and graceful pod
 * deletion, preconditions, CustomResourceDefinitions. The contract suite holds it to the real one. It has no schema, no
 * defaults, no admission, no access control and no strategic merge patch; apply takes every list whole.
 * It starts with the namespaces `default` and `kube-system`.
 */
export async function startFakeKube(
  options: { bookmarkMs?: number; objects?: KubeObject[]; now?: () => Date } = {},
): Promise<FakeKube> {
  const { bookmarkMs = 60_000, now = () => new Date() } = options;
  const store = createFakeStore();
  const served = builtInResources();
  const writer = createFakeWriter(
    store,
    served.find((one) => one.kind === namespaces.kind)!,
    now,
  );
  const reader = createFakeReader(store, { bookmarkMs });
  const requests: FakeRequest[] = [];

  const server = http.createServer((incoming, response) => {
    const url = new URL(incoming.url ?? '/', 'http://fake');
    const request: FakeRequest = { method: incoming.method ?? 'GET', path: url.pathname, query: url.searchParams };
    if (requests.push(request) > requestLogLimit) requests.shift();
    const interception = fake.intercept?.(request);
    if (interception === 'hang') return;
    if (interception === 'reset') return void incoming.socket.destroy();
    void answerRequest({ ...request, incoming, response, failWith: interception, served, store, reader, writer });
  });

  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const directory = await mkdtemp(join(tmpdir(), 'landbridge-fake-kube-'));
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigWith({ server: url }));

  const fake: FakeKube = {
    url,
    kubeconfig,
    client: connectKube({ kubeconfig }),
    requests,
    intercept: undefined,
    compact() {
      store.compact();
      reader.expireTokens();
    },
    async goDown() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
    async comeBack() {
      fake.compact();
      await listen(port);
    },
    async restart() {
      await fake.goDown();
      await fake.comeBack();
    },
    cutConnections: () => server.closeAllConnections(),
    async stop() {
      if (server.listening) await fake.goDown();
      await rm(directory, { recursive: true, force: true });
    },
  };
  for (const name of ['default', 'kube-system']) await fake.client.create(namespaces, { metadata: { name } });
  for (const object of options.objects ?? []) await createAs(fake.client, object, served);
  requests.length = 0;
  return fake;
}

async function createAs(
  client: KubeClient,
  object: KubeObject,
  served: ReturnType<typeof builtInResources>,
): Promise<void> {
  const resource = served.find(
    (one) =>
      one.kind === object.kind && object.apiVersion === (one.group ? `${one.group}/${one.version}` : one.version),
  );
  if (!resource)
    throw new Error(
      `the fake serves no ${object.apiVersion} ${object.kind}; create its CustomResourceDefinition first`,
    );
  await client.create(resource, object);
}
