import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { buildBundle } from '../../../build/build.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices, namespaces } from '../../../clients/kube/resources.ts';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';
import { configureAcl } from '../../../operator/bootstrap/configure-acl.ts';
import { eventually } from '../eventually.ts';
import { startFakeKube } from '../fake-kube/fake-kube.ts';
import { type ProcessSize, sizeOf } from '../load/process-size.ts';
import { type RealConsul, startConsul } from '../real/consul.ts';
import { freePorts } from '../real/consul-ports.ts';

/** The program `landbridge bridge` on a real Consul with ACLs and TLS. */
export interface BridgeProcess {
  port: number;
  caPem: string;
  /** Certificate and key of an admin. */
  admin: { certificate: string; key: string };
  /** Requests that it has answered, by route and status; `none` for paths that it does not have. */
  answered(): Promise<{ route: string; status: number; count: number }[]>;
  size(): Promise<ProcessSize>;
  /** Undefined while it runs; else its exit code or signal. */
  ended(): number | NodeJS.Signals | undefined;
  log(): string;
  stop(): Promise<void>;
}

/** Such a bridge on a Consul of its own with DNS; the API server alone is a fake. */
export interface LoneBridge extends BridgeProcess {
  /** Makes a MeshService whose machines may stand at `sites`. */
  admit(service: string, sites: string[]): Promise<void>;
}

/** The account of a bridge in Consul, which its Secret names. */
export interface Holder {
  accessorId: string;
  token: string;
  signingKeyPem: string;
}

const CRD = fileURLToPath(new URL('../../../crds/landbridge.dev_meshservices.yaml', import.meta.url));

const aHolder = (): Holder => ({
  accessorId: randomUUID(),
  token: randomUUID(),
  signingKeyPem: generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString(),
});

export async function startBridgeProcess(env: Record<string, string> = {}): Promise<LoneBridge> {
  const [server, operator, holder, dns] = [aHolder(), aHolder(), aHolder(), aHolder()];
  const [consul, kube] = await Promise.all([
    startConsul({ acl: true, tls: true, dns: { token: dns.token } }),
    startFakeKube(),
  ]);
  const stop = (): Promise<unknown> => Promise.all([consul.stop(), kube.stop()]);
  try {
    const management = consul.connect();
    const material = { consulCaPem: consul.caPem!, managementToken: consul.token!, server, operator };
    await configureAcl(management.acl, { cluster: 'lab', tokenTtl: '1h' }, { ...material, bridge: holder, dns });
    management.close();
    await kube.client.create(customResourceDefinitions, load(await readFile(CRD, 'utf8')) as KubeObject);
    await kube.client.create(namespaces, { metadata: { name: 'landbridge' } });
    const LANDBRIDGE_CONSUL_DNS = `${consul.dns!.host}:${consul.dns!.port}`;
    const bridge = await startBridgeBeside(
      { kubeconfig: kube.kubeconfig, consul, holder },
      { LANDBRIDGE_CONSUL_DNS, ...env },
    );
    return {
      ...bridge,
      async admit(service, sites) {
        await kube.client.create(meshServices, {
          metadata: { name: service, namespace: 'default' },
          spec: { protocol: 'http', workloads: { external: { sites } } },
        } as KubeObject);
      },
      async stop() {
        await bridge.stop();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The bridge of an installation whose API server and Consul run already, with the rights of `holder` there. */
export async function startBridgeBeside(
  { kubeconfig, consul, holder }: { kubeconfig: string; consul: RealConsul; holder: Holder },
  env: Record<string, string> = {},
): Promise<BridgeProcess> {
  const [bundle, folder] = await Promise.all([buildBundle(), mkdtemp(join(tmpdir(), 'landbridge-bridge-'))]);
  const [port = 0, telemetryPort = 0] = await freePorts(2);
  const nowMs = Date.now();
  const ca = await createAuthority('Landbridge bridge CA', { nowMs, days: 1 });
  const leaf = { commonName: 'landbridge-admin', organization: 'landbridge-admin', usage: 'client' as const };
  const admin = await issue(ca, { ...leaf, nowMs, days: 1 });
  const files = {
    'consul-token': holder.token,
    'consul-ca.crt': consul.caPem!,
    'signing.key': holder.signingKeyPem,
    'ca.crt': ca.certPem,
    'ca.key': ca.keyPem,
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));

  const child = spawn(process.execPath, [bundle, 'bridge'], {
    env: {
      PATH: process.env.PATH,
      KUBECONFIG: kubeconfig,
      LANDBRIDGE_CONSUL_HTTP: consul.address,
      LANDBRIDGE_CONSUL_SERVER_NAME: consul.serverName,
      LANDBRIDGE_SECRETS: folder,
      LANDBRIDGE_BRIDGE_ADVERTISE: `127.0.0.1:${port}`,
      LANDBRIDGE_CONSUL_GRPC_ADVERTISE: consul.grpcAddress,
      LANDBRIDGE_BRIDGE_PORT: `${port}`,
      LANDBRIDGE_TELEMETRY_PORT: `${telemetryPort}`,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  const keep = (chunk: Buffer): void => void (log = (log + chunk.toString()).slice(-4_000_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const over = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const bridge: BridgeProcess = {
    port,
    caPem: ca.certPem,
    admin: { certificate: admin.certPem, key: admin.keyPem },
    async answered() {
      const text = await (await fetch(`http://127.0.0.1:${telemetryPort}/metrics`)).text();
      const line = /^landbridge_bridge_request_duration_seconds_count\{route="([^"]*)",status="(\d+)"\} (\d+)$/gm;
      return [...text.matchAll(line)].map(([, route = '', status, count]) => ({
        route,
        status: Number(status),
        count: Number(count),
      }));
    },
    size: () => sizeOf(child.pid!),
    ended: () => child.exitCode ?? child.signalCode ?? undefined,
    log: () => log,
    async stop() {
      child.kill('SIGTERM');
      const patience = setTimeout(killWithUs, 10_000);
      if (bridge.ended() === undefined) await over;
      clearTimeout(patience);
      process.off('exit', killWithUs);
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await eventually('the bridge has read its records', 60_000, () => {
      if (bridge.ended() !== undefined) throw new Error(`it ended: ${log.slice(-4000)}`);
      return log.includes('records loaded') || undefined;
    });
  } catch (error) {
    await bridge.stop();
    throw error;
  }
  return bridge;
}
