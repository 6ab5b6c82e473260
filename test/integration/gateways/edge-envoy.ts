import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { pods, secrets } from '../../../clients/kube/resources.ts';
import { proxySettings } from '../../../crds/proxy.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { envoyArguments } from '../../../mesh/envoy/envoy-arguments.ts';
import { SIDECAR_MOUNT } from '../../../mesh/inject/sidecar.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import type { RealKube } from '../../support/real/kube.ts';

/** The pod SERVICE-1 of a MeshService, injected and ready; Envoy is whatever the test starts at that address. */
export async function runningPod(
  { client }: RealKube,
  service: string,
  address: string,
  namespace = 'shop',
): Promise<void> {
  await client.create(pods, {
    metadata: {
      name: `${service}-1`,
      namespace,
      labels: { app: service, 'landbridge.dev/mesh-service': service },
      annotations: { 'landbridge.dev/injected': 'true' },
    },
    spec: { containers: [{ name: 'app', image: 'app:1' }] },
  } as KubeObject);
  await client.patchStatus(pods, `${service}-1`, namespace, {
    phase: 'Running',
    podIP: address,
    podIPs: [{ ip: address }],
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date().toISOString() }],
  });
}

export interface RunningEnvoy {
  adminPort: number;
  /** Its output. */
  log(): string;
  /** The Secret as it is now comes to the pod, as the kubelet brings it: each file at once. */
  sync(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Envoy as a pod would run it from the Secret that the operator keeps. Pods have ports of their own and here all share
 * the machine's, so those of the admin and of /ready are others.
 */
export async function startEnvoy(kube: RealKube, namespace: string, name: string, node: string): Promise<RunningEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-envoy-'));
  const [adminPort = 0, readyPort = 0] = await freePorts(2);
  async function sync(): Promise<void> {
    const secret = await eventually(`Secret of ${name}`, 20_000, () =>
      kube.client.get<KubeObject & { data: Record<string, string> }>(secrets, `${name}-landbridge`, namespace),
    );
    for (const [file, data] of Object.entries(secret.data)) {
      const text = Buffer.from(data, 'base64').toString();
      const here = text
        .replaceAll(SIDECAR_MOUNT, folder)
        .replaceAll('"port_value":19000', `"port_value":${adminPort}`)
        .replaceAll('"port_value":20200', `"port_value":${readyPort}`);
      await writeFile(join(folder, `.${file}`), here);
      await rename(join(folder, `.${file}`), join(folder, file));
    }
  }
  await sync();
  const proxy = proxySettings.parse(undefined);
  const args = envoyArguments({ bootstrap: join(folder, 'bootstrap.json'), node, service: name, proxy });
  const child = spawn(await ensurePart('envoy', silent), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (log += part.toString()));
  return {
    adminPort,
    log: () => log,
    sync,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
