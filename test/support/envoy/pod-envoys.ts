import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { meshServices, nodes, pods, secrets } from '../../../clients/kube/resources.ts';
import type { Container, Pod } from '../../../crds/kubernetes.ts';
import { type MeshService, parseMeshService } from '../../../crds/mesh-service.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { injected } from '../../../mesh/inject/patch.ts';
import { sidecarSecret } from '../../../mesh/names/names.ts';
import { eventually } from '../eventually.ts';
import { serverTls } from '../real/consul-tls.ts';
import type { RealKube } from '../real/kube.ts';

/**
 * Pods as far as their sidecars go, without a kubelet: each has an address of its own on loopback, where the real Envoy
 * runs that its injected container asks for, from the Secret that the operator made. Their logs are served as a kubelet does.
 */
export interface PodEnvoys {
  /** Makes the pod as the webhook injects it, starts its sidecar, and says that it is ready. */
  start(name: string, app: string, address: string): Promise<void>;
  /** The log of a sidecar so far. */
  logOf(name: string): string;
  stop(): Promise<void>;
}

const NODE = 'node-1';

export async function podEnvoys(kube: RealKube): Promise<PodEnvoys> {
  const binary = await ensurePart('envoy', silent);
  const directory = await mkdtemp(join(tmpdir(), 'landbridge-pods-'));
  const envoys = new Map<string, { process: ChildProcess; lines: string[] }>();
  const kubelet = await serveLogs((name) => envoys.get(name)?.lines ?? []);
  await kube.client.create(nodes, { metadata: { name: NODE } });
  await kube.client.patchStatus(nodes, NODE, undefined, {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: (kubelet.address() as AddressInfo).port } },
  });

  const turn = (name: string, ready: boolean, ip: string): Promise<unknown> =>
    kube.client.patchStatus(pods, name, 'shop', {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: new Date().toISOString() }],
    });

  return {
    async start(name, app, address) {
      const folder = join(directory, name);
      await mkdir(folder);
      const secret = await eventually(`the Secret of ${app}`, 20_000, () =>
        kube.client.get<KubeObject & { data: Record<string, string> }>(secrets, sidecarSecret(app), 'shop'),
      );
      const raw = (await kube.client.get(meshServices, app, 'shop')) as unknown as MeshService;
      const meshService = parseMeshService({ metadata: raw.metadata, spec: raw.spec });
      const pod = injected(
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name, namespace: 'shop', labels: { app } },
          spec: { nodeName: NODE, containers: [{ name: 'app', image: 'app:1' }] },
        } as Pod,
        meshService,
        { image: 'landbridge/envoy:test', imagePullPolicy: 'IfNotPresent' },
        () => undefined,
      );
      const made = await kube.client.create<KubeObject & Pod>(pods, pod as KubeObject & Pod);
      await turn(name, false, address);
      for (const [file, data] of Object.entries(secret.data)) {
        await writeFile(join(folder, file), atAddress(Buffer.from(data, 'base64').toString(), folder, address));
      }
      const { args = [] } = made.spec.initContainers![0] as Container & { args: string[] };
      const own = args.map((each) => each.replace('/etc/landbridge', folder).replace('$(POD_NAME)', name));
      const process_ = spawn(binary, own, { stdio: ['ignore', 'ignore', 'pipe'] });
      const lines: string[] = [];
      const killWithUs = (): void => void process_.kill('SIGKILL');
      process.once('exit', killWithUs);
      process_.once('exit', () => process.off('exit', killWithUs));
      process_.stderr.on('data', (chunk: Buffer) => {
        const stamp = new Date().toISOString();
        lines.push(
          ...chunk
            .toString()
            .split('\n')
            .filter(Boolean)
            .map((line) => `${stamp} stderr F ${line}`.replace(' stderr F', '')),
        );
      });
      envoys.set(name, { process: process_, lines });
      await eventually(`${name} is live`, 20_000, async () => (await fetch(`http://${address}:20200/ready`)).ok);
      await turn(name, true, address);
    },
    logOf: (name) => envoys.get(name)?.lines.join('\n') ?? '',
    async stop() {
      for (const { process: each } of envoys.values()) {
        each.kill('SIGKILL');
        if (each.exitCode === null && each.signalCode === null) await once(each, 'exit');
      }
      kubelet.closeAllConnections();
      kubelet.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Every pod has the same ports at an address of its own; here all addresses are one machine's. */
function atAddress(file: string, folder: string, address: string): string {
  return file
    .replaceAll('/etc/landbridge', folder)
    .replaceAll(/"address":"127\.0\.0\.1","port_value":19000/g, `"address":"${address}","port_value":19000`)
    .replaceAll(
      /"address":"(0\.0\.0\.0|::)","port_value":20200(,"ipv4_compat":true)?/g,
      `"address":"${address}","port_value":20200`,
    );
}

/** `/containerLogs/NAMESPACE/POD/CONTAINER?tailLines=N`, as the API server asks it. */
async function serveLogs(linesOf: (pod: string) => string[]): Promise<Server> {
  const { certPem: cert, keyPem: key } = await serverTls('kubelet');
  const server = createServer({ cert, key }, (asked, answer) => {
    const url = new URL(asked.url ?? '', 'https://kubelet');
    const [, what, namespace, pod = '', container] = url.pathname.split('/');
    if (what !== 'containerLogs' || namespace !== 'shop' || container !== 'landbridge-sidecar') {
      answer.statusCode = 404;
      return void answer.end();
    }
    const tail = Number(url.searchParams.get('tailLines'));
    answer.end(
      linesOf(pod)
        .slice(-tail)
        .map((line) => `${line}\n`)
        .join(''),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
