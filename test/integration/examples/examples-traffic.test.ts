import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { output } from '../../../lab/host/exec.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { repositoryRoot } from '../../../lab/paths.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { SEEN } from '../../support/rigs/examples.ts';
import { type Member, type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

/** One app of an example, and where it listens. `args` are those of a program on a machine; an app of a pod is in its Deployment. */
interface App {
  service: string;
  platform: 'pod' | 'vm';
  port?: number;
  args?: (localPort: number | undefined) => string[];
}

const inPod = (service: string, port?: number): App => ({ service, platform: 'pod', port });

/** Keyed by folder, callees first. Its pods and machines are one machine here, so each app has a port of its own. */
const APPS: Record<string, App[]> = {
  http: [inPod('greeter', 8080), inPod('visitor')],
  grpc: [inPod('stock', 50051), inPod('till')],
  helm: [inPod('guestbook-store', 8080), inPod('guestbook-web')],
  teams: [inPod('billing', 8080), inPod('reports'), inPod('trial')],
  failover: [
    { service: 'orders', platform: 'vm', port: 8400, args: () => ['examples/failover/orders.mjs'] },
    inPod('orders', 8080),
    inPod('buyer'),
  ],
  'vm-two-services': [
    {
      service: 'tides',
      platform: 'vm',
      port: 8401,
      args: () => ['examples/vm-two-services/weather.mjs', 'tides', '8401'],
    },
    {
      service: 'winds',
      platform: 'vm',
      port: 8403,
      args: (tides) => ['examples/vm-two-services/weather.mjs', 'winds', '8403', `http://127.0.0.1:${tides}`],
    },
    inPod('harbour'),
  ],
  // With a sidecar here: the terminating gateway has tests of its own.
  'external-database': [
    { service: 'archive', platform: 'vm', port: 5499, args: () => ['examples/external-database/archive.mjs'] },
    inPod('clerk'),
    inPod('stranger'),
  ],
};

interface Document {
  kind: string;
  metadata: { name: string };
  spec: MeshServiceSpecInput & { template: { spec: { containers: { args: string[] }[] } } };
}

/** The apps of examples/ with the MeshServices beside them: real Envoys, a real Consul, and the lines that the pages show. */
describe('the apps of the examples through real Envoys', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let running: ChildProcess[] = [];
  let members: Member[] = [];
  before(async () => (rig = await startTrafficRig()));
  after(() => rig?.stop());
  afterEach(async () => {
    for (const each of running) {
      each.kill('SIGKILL');
      if (each.exitCode === null && each.signalCode === null) await once(each, 'exit');
    }
    running = [];
    await Promise.all(members.map((member) => member.stop()));
    members = [];
  });

  for (const [folder, apps] of Object.entries(APPS))
    it(`show what examples/${folder}/README.md says, and see the allowed requests alone`, async () => {
      const documents = await documentsOf(folder);
      for (const { metadata, spec } of documents.filter(({ kind }) => kind === 'MeshService'))
        await rig.declare(metadata.name, spec);
      const logs = new Map<string, () => string>();
      for (const app of apps) {
        const { spec } = documents.find(
          ({ kind, metadata }) => kind === 'MeshService' && metadata.name === app.service,
        )!;
        const upstreams = [];
        for (const { service } of spec.upstreams ?? []) {
          const [localPort = 0] = await freePorts(1);
          upstreams.push({ service, localPort });
        }
        const [free = 0] = await freePorts(1);
        members.push(
          await rig.member(app.service, app.platform, upstreams, { appPort: app.port ?? free, accessLog: 'json' }),
        );
        const env: Record<string, string> = { HOSTNAME: `${app.service}-of-a-test` };
        for (const { service, localPort } of upstreams) {
          const address = `localhost:${localPort}`;
          const url = spec.protocol === 'http' ? `http://${address}` : address;
          env[`${service.toUpperCase().replaceAll('-', '_')}_ADDR`] = url;
          // The value of the chart in mesh-values.yaml.
          if (folder === 'helm') env['STORE_URL'] = url;
        }
        const script = documents.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === app.service);
        const args = app.args?.(upstreams[0]?.localPort) ?? ['-e', script!.spec.template.spec.containers[0]!.args[0]!];
        logs.set(`${app.platform}/${app.service}`, start(args, env));
      }
      const callers = apps.filter(({ port }) => port === undefined).map(({ service }) => logs.get(`pod/${service}`)!);
      const { shown, saw } = SEEN[folder]!;
      for (const pattern of shown.map((one) => here(one)))
        await eventually(`${pattern} is shown`, 30_000, () => {
          const text = callers.map((log) => log()).join('\n');
          return pattern.test(text) || Promise.reject(new Error(text.slice(-800)));
        });
      const callee = logs.get(`${apps[0]!.platform}/${apps[0]!.service}`)!();
      for (const pattern of saw?.requests ?? []) expect(callee).to.match(pattern);
      if (saw?.none !== undefined) expect(callee).not.to.match(saw.none);
    });

  function start(args: string[], env: Record<string, string>): () => string {
    const child = spawn(process.execPath, args, { cwd: repositoryRoot, env: { PATH: process.env['PATH'], ...env } });
    running.push(child);
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (log += data.toString()));
    return () => log;
  }
});

/** The lab's machines are this one. */
const here = (pattern: RegExp): RegExp => new RegExp(pattern.source.replace('machine vm2', 'machine \\S+'), 'm');

async function documentsOf(folder: string): Promise<Document[]> {
  const read = (name: string): Document[] =>
    loadAll(readFileSync(join(repositoryRoot, 'examples', folder, name), 'utf8')) as Document[];
  if (folder !== 'helm') return [...read('mesh.yaml'), ...read('app.yaml')];
  const chart = await output(await ensurePart('helm', silent), ['template', 'guestbook', 'examples/helm/chart'], {
    cwd: repositoryRoot,
  });
  return [...read('mesh.yaml'), ...(loadAll(chart) as Document[])];
}
