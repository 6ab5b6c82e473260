import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKube, type KubeClient } from '../../../clients/kube/client.ts';
import { namespaces } from '../../../clients/kube/resources.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { kubeconfigWith } from '../fake-kube/kubeconfig.ts';
import { freePorts } from './consul-ports.ts';
import { clusterCertificates, type ClusterCertificates } from './kube-certificates.ts';
import { launch, type ServerProcess } from './kube-process.ts';

export interface RealKube {
  /** `https://127.0.0.1:PORT`. */
  url: string;
  caPem: string;
  /** Path of the admin's kubeconfig. */
  kubeconfig: string;
  /** The admin. */
  client: KubeClient;
  /** As somebody else, by client certificate; without RBAC bindings they may do nothing. */
  clientFor(identity: { user: string; groups?: string[] }): Promise<KubeClient>;
  /** The path of a kubeconfig for somebody else. */
  kubeconfigFor(identity: { user: string; groups?: string[] }): Promise<string>;
  /** Ends the API server; etcd stays, and with it the data. */
  goDown(): Promise<void>;
  /** Starts it again on the same port and waits until it is ready. One that runs goes on, also after `pause`. */
  comeBack(): Promise<void>;
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends both servers and removes their data. */
  stop(): Promise<void>;
}

const readyDeadlineMs = 60_000;

/**
 * Starts a real etcd and kube-apiserver on free loopback ports: RBAC, client certificates, webhooks, CRDs. No controllers and
 * no kubelet run: nothing schedules pods, empties namespaces or makes service accounts. KUBE_APISERVER_BIN and ETCD_BIN
 * name other executables.
 */
export async function startApiServer(): Promise<RealKube> {
  const etcdBinary = process.env.ETCD_BIN ?? (await ensurePart('etcd', silent));
  const apiBinary = process.env.KUBE_APISERVER_BIN ?? (await ensurePart('kube-apiserver', silent));
  const directory = await mkdtemp(join(tmpdir(), 'landbridge-kube-'));
  const certificates = await clusterCertificates();
  await writeCertificates(directory, certificates);
  const [etcdPort = 0, peerPort = 0, apiPort = 0] = await freePorts(3);
  const url = `https://127.0.0.1:${apiPort}`;

  async function kubeconfigFor({ user, groups = [] }: { user: string; groups?: string[] }): Promise<string> {
    const path = join(directory, `${encodeURIComponent(user)}.kubeconfig`);
    const { certPem, keyPem } = await certificates.client(user, groups);
    await writeFile(path, kubeconfigWith({ server: url, caPem: certificates.caPem, certPem, keyPem }), { mode: 0o600 });
    return path;
  }

  const kubeconfig = await kubeconfigFor({ user: 'admin', groups: ['system:masters'] });
  const client = connectKube({ kubeconfig });
  const etcd = launch('etcd', etcdBinary, etcdArguments(directory, etcdPort, peerPort));
  const startApi = () => launch('kube-apiserver', apiBinary, apiArguments(directory, apiPort, etcdPort));
  let api = startApi();

  const kube: RealKube = {
    url,
    caPem: certificates.caPem,
    kubeconfig,
    client,
    kubeconfigFor,
    clientFor: async (identity) => connectKube({ kubeconfig: await kubeconfigFor(identity) }),
    // With a watch open it would take a minute to leave by itself.
    goDown: () => api.end(2000),
    async comeBack() {
      if (api.ended() === undefined) api.signal('SIGCONT');
      else api = startApi();
      await ready(client, etcd, api);
    },
    async restart() {
      await kube.goDown();
      await kube.comeBack();
    },
    pause: () => api.signal('SIGSTOP'),
    resume: () => api.signal('SIGCONT'),
    async stop() {
      await api.end();
      await etcd.end();
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await ready(client, etcd, api);
  } catch (error) {
    await kube.stop();
    throw error;
  }
  return kube;
}

async function writeCertificates(directory: string, certificates: ClusterCertificates): Promise<void> {
  const files = {
    'ca.pem': certificates.caPem,
    'server.pem': certificates.server.certPem,
    'server-key.pem': certificates.server.keyPem,
    'service-account.pem': certificates.serviceAccount.publicPem,
    'service-account-key.pem': certificates.serviceAccount.keyPem,
  };
  await Promise.all(
    Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text, { mode: 0o600 })),
  );
}

function etcdArguments(directory: string, clientPort: number, peerPort: number): string[] {
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  return [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=http://127.0.0.1:${clientPort}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    // As kubeadm sets it: from this the API server makes the bookmarks of quiet watches.
    '--watch-progress-notify-interval=5s',
    '--unsafe-no-fsync',
    '--log-level=error',
  ];
}

function apiArguments(directory: string, port: number, etcdPort: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    // The server publishes it nowhere. Without it the machine must have a default route.
    '--advertise-address=192.0.2.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${join(directory, 'server.pem')}`,
    `--tls-private-key-file=${join(directory, 'server-key.pem')}`,
    `--client-ca-file=${join(directory, 'ca.pem')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(directory, 'service-account.pem')}`,
    `--service-account-signing-key-file=${join(directory, 'service-account-key.pem')}`,
    '--authorization-mode=RBAC',
    // No controller makes the accounts that it would ask for in every pod.
    '--disable-admission-plugins=ServiceAccount',
    '--service-cluster-ip-range=10.96.0.0/16',
    // Its own address is loopback, which no Endpoints object may hold.
    '--endpoint-reconciler-type=none',
    '--profiling=false',
  ];
}

/** Ready to serve, and the namespace `default` is there: the API server makes it itself, a moment later. */
async function ready(client: KubeClient, ...servers: ServerProcess[]): Promise<void> {
  const deadline = Date.now() + readyDeadlineMs;
  for (;;) {
    const ended = servers.map((server) => server.ended()).find((why) => why !== undefined);
    if (ended !== undefined) throw new Error(ended);
    try {
      // The answer is the word `ok`, so it is read as a stream and not as JSON.
      await readWhole(await client.stream('/readyz', { accept: '*/*', signal: AbortSignal.timeout(2000) }));
      if (await client.get(namespaces, 'default')) return;
      throw new Error('the namespace default does not exist yet');
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error(`the API server did not get ready in time: ${(error as Error).message}`);
    }
    await new Promise((next) => setTimeout(next, 50));
  }
}

async function readWhole(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]();
  while (!(await iterator.next()).done);
}
