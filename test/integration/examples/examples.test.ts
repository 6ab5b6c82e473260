import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { deployments, meshServices } from '../../../clients/kube/resources.ts';
import type { Pod } from '../../../crds/kubernetes.ts';
import { output } from '../../../lab/host/exec.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { repositoryRoot } from '../../../lab/paths.ts';
import { silent } from '../../../lab/progress/progress.ts';
import type { ConfigEntry } from '../../../mesh/catalog/entry.ts';
import { SIDECAR_CONTAINER } from '../../../mesh/names/names.ts';
import { eventually } from '../../support/eventually.ts';
import { exampleFolders, scriptsOf } from '../../support/rigs/examples.ts';
import { type OperatorRig, startOperatorRig } from '../../support/rigs/operator-rig.ts';

/** The entries that Consul is to hold for a service: its protocol, its callers with their rules, and the way of calls. */
interface Held {
  protocol: string;
  access: string[];
  traffic?: string[];
}

const nobody: Held['access'] = ['* deny'];
const CALLER = (protocol: string): Held => ({ protocol, access: nobody });

const EXPECTED: Record<string, Record<string, Held>> = {
  canary: {
    prices: {
      protocol: 'http',
      access: ['shopper allow', '* deny'],
      traffic: ['prices/version-v1 90', 'prices/version-v2 10'],
    },
    shopper: CALLER('http'),
  },
  'edge-tls': {
    storefront: { protocol: 'http', access: ['landbridge-edge allow /shop, /shop/', '* deny'] },
  },
  'external-database': {
    archive: { protocol: 'tcp', access: ['clerk allow', '* deny'] },
    clerk: CALLER('tcp'),
    stranger: CALLER('tcp'),
  },
  failover: {
    orders: {
      protocol: 'http',
      access: ['buyer allow', '* deny'],
      traffic: ['orders/vms 100', 'vms fails over to pods'],
    },
    buyer: CALLER('http'),
  },
  gitops: { noticeboard: CALLER('http') },
  grpc: {
    stock: { protocol: 'grpc', access: ['till allow /grpc.health.v1.Health/Check', '* deny'] },
    till: CALLER('grpc'),
  },
  helm: {
    'guestbook-store': { protocol: 'http', access: ['guestbook-web allow', '* deny'] },
    'guestbook-web': CALLER('http'),
  },
  http: {
    greeter: { protocol: 'http', access: ['visitor allow GET', '* deny'] },
    visitor: CALLER('http'),
  },
  teams: {
    billing: { protocol: 'http', access: ['reports allow GET /invoices/', '* deny'] },
    reports: CALLER('http'),
    trial: CALLER('http'),
  },
  'vm-two-services': {
    harbour: CALLER('http'),
    tides: { protocol: 'http', access: ['winds allow', '* deny'] },
    winds: { protocol: 'http', access: ['harbour allow', '* deny'] },
  },
};

const lines = (folder: string): string[] => scriptsOf(folder, 'Apply').join('\n').split('\n');

/** Lines of a page for machines or for pods that run; `npm run test:examples` runs them on a lab. */
const ONLY_ON_A_LAB = /^(npm run|ADDRESS=\$\(npm run|kubectl .* wait .*condition=Ready)/;

/** The pages of examples/, each line as written, before a real API server with the chart's CRD and webhooks, and a real Consul. */
describe('the examples before the API server', function () {
  this.timeout(180_000);
  let rig: OperatorRig;
  let bin: string;

  before(async () => {
    rig = await startOperatorRig();
    await rig.start({ LANDBRIDGE_EDGE: 'enabled', LANDBRIDGE_GATEWAY: 'enabled' });
    bin = await mkdtemp(join(tmpdir(), 'landbridge-examples-'));
    for (const name of ['kubectl', 'helm']) await symlink(await ensurePart(name, silent), join(bin, name));
  });
  after(async () => {
    await rig?.stop();
    if (bin !== undefined) await rm(bin, { recursive: true, force: true });
  });

  const sh = (script: string): Promise<string> =>
    output('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: repositoryRoot,
      env: { PATH: `${bin}:${process.env['PATH']}`, KUBECONFIG: rig.kube.kubeconfig, HELM_CACHE_HOME: bin },
      timeoutMs: 60_000,
    });
  const read = async (kind: ConfigEntry['Kind'], name: string) => (await rig.consul.readConfig(kind, name))?.entry;

  it('are all expected here', () => expect(Object.keys(EXPECTED).sort()).to.deep.equal(exampleFolders));

  for (const [folder, services] of Object.entries(EXPECTED)) {
    describe(`examples/${folder}`, () => {
      let objects: KubeObject[];
      const applied = lines(folder).filter((line) => !ONLY_ON_A_LAB.test(line));
      const generations = async (): Promise<Record<string, number>> => {
        const lists = [meshServices, deployments].map((resource) => rig.kube.client.list<KubeObject>(resource));
        objects = (await Promise.all(lists))
          .flatMap(({ items }) => items)
          .filter(({ metadata }) => metadata.namespace?.startsWith('example-'));
        return Object.fromEntries(
          objects.map(({ kind = '', metadata }) => [
            `${kind} ${metadata.namespace}/${metadata.name}`,
            (metadata as { generation?: number }).generation!,
          ]),
        );
      };
      after(async () => {
        const { client } = rig.kube;
        for (const { metadata } of objects)
          for (const resource of [meshServices, deployments])
            await client.delete(resource, metadata.name, metadata.namespace);
        for (const name of Object.keys(services))
          await eventually(`nothing of ${name} is left`, 30_000, async () => !(await read('service-defaults', name)));
      });

      it('is taken as it is written, and nothing changes the second time', async () => {
        await sh(applied.join('\n'));
        const first = await generations();
        await sh(applied.filter((line) => line.startsWith('kubectl apply')).join('\n'));
        expect(await generations()).to.deep.equal(first);
      });

      for (const [name, expected] of Object.entries(services))
        it(`has the entries of ${name} in Consul`, () =>
          eventually('it is held', 20_000, async () => {
            expect(await held(name)).to.deep.equal(expected);
            return true;
          }));

      it('has pods with a sidecar and the variables that their apps read', async () => {
        for (const { metadata } of objects.filter(({ kind }) => kind === 'Deployment')) {
          const { spec } = (await rig.kube.client.get<Template>(deployments, metadata.name, metadata.namespace))!;
          const { template } = spec;
          const body = { metadata: { ...template.metadata, name: metadata.name }, spec: template.spec };
          const path = `/api/v1/namespaces/${metadata.namespace}/pods`;
          const pod = await rig.kube.client.request<Pod>('POST', path, { body, query: { dryRun: 'All' } });
          expect((pod.spec.initContainers ?? []).map((one) => one.name)).to.deep.equal([SIDECAR_CONTAINER]);
          const script = JSON.stringify(template.spec);
          const needed = [...script.matchAll(/process\.env\.(\w+)/g)].map(([, variable]) => variable!);
          const given = (pod.spec.containers[0]?.env ?? []).map((one) => one.name);
          expect([...given, 'HOSTNAME'], metadata.name).to.include.members(needed);
        }
      });
    });
  }

  it('take the step of the canary that sends all calls to the new version', async () => {
    await sh(scriptsOf('canary', 'Apply')[0]!.split('\n')[0]!);
    const [, promote = ''] = scriptsOf('canary', 'Result');
    await sh(promote);
    await eventually('v2 has all', 20_000, async () => {
      expect((await held('prices')).traffic).to.deep.equal(['prices/version-v2 100']);
      return true;
    });
  });

  /** Consul's entries of a service, in the words of EXPECTED. */
  async function held(name: string): Promise<Held> {
    const [defaults, intentions, splitter, resolver] = [
      await read('service-defaults', name),
      await read('service-intentions', name),
      await read('service-splitter', name),
      await read('service-resolver', name),
    ];
    const split = ((splitter?.['Splits'] ?? []) as Split[]).map(
      ({ Service = name, ServiceSubset, Weight }) => `${Service}/${ServiceSubset} ${Weight}`,
    );
    const failover = Object.entries((resolver?.['Failover'] ?? {}) as Record<string, Failover>).map(
      ([from, { Targets = [] }]) => `${from} fails over to ${Targets.map((one) => one.ServiceSubset).join(', ')}`,
    );
    return {
      protocol: defaults?.['Protocol'] as string,
      access: ((intentions?.['Sources'] ?? []) as Source[]).map(inWords),
      ...(split.length + failover.length === 0 ? {} : { traffic: [...split, ...failover] }),
    };
  }
});

interface Template extends KubeObject {
  spec: { template: { metadata: { labels: Record<string, string> }; spec: object } };
}
type Split = { Service?: string; ServiceSubset?: string; Weight: number };
type Failover = { Targets?: { ServiceSubset?: string }[] };
type Permission = {
  Action: string;
  HTTP?: { Methods?: string[]; PathExact?: string; PathPrefix?: string; PathRegex?: string };
};
type Source = { Name: string; Action?: string; Permissions?: Permission[] };

/** The allowed part of a source; that the rest is refused is Landbridge's own rule, with tests of its own. */
function inWords({ Name, Action, Permissions = [] }: Source): string {
  if (Action !== undefined && Permissions.length === 0) return `${Name} ${Action}`;
  const allowed = Permissions.filter((one) => one.Action === 'allow').map(({ HTTP = {} }) =>
    [...(HTTP.Methods ?? []), HTTP.PathExact ?? HTTP.PathPrefix ?? HTTP.PathRegex].filter(Boolean).join(' '),
  );
  return `${Name} allow ${allowed.join(', ')}`;
}
