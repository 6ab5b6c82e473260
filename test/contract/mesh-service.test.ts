import { readFileSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { load } from 'js-yaml';
import type { KubeObject } from '../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices, namespaces } from '../../clients/kube/resources.ts';
import { meshServiceCrd } from '../../crds/custom-resource-definition.ts';
import { parseMeshService } from '../../crds/mesh-service.ts';
import { eventually } from '../support/eventually.ts';
import { type RealKube, startApiServer } from '../support/real-kube.ts';

const SAMPLES = new URL('../../crds/samples/', import.meta.url);

const good = {
  port: 8080,
  workloads: { pods: { selector: { matchLabels: { app: 'web' } } } },
};

/** What users may get wrong, and the words of the real API server they get for it. */
const BAD: [string, object, RegExp][] = [
  ['no workloads', { port: 1 }, /workloads.*Required/i],
  ['workloads that say nothing', { workloads: {} }, /say where instances run/],
  ['a selector that selects everything', { workloads: { pods: { selector: {} } } }, /would select every pod/],
  [
    'a selector with an empty map',
    { workloads: { pods: { selector: { matchLabels: {} } } } },
    /would select every pod/,
  ],
  ['no sites', { workloads: { external: { sites: [] } } }, /sites/],
  ['a site twice', { workloads: { external: { sites: ['a', 'a'] } } }, /Duplicate/i],
  ['a site with capitals', { workloads: { external: { sites: ['Rack'] } } }, /sites/],
  ['an unknown protocol', { ...good, protocol: 'udp' }, /Unsupported value.*tcp/],
  ['port 0', { ...good, port: 0 }, /1-65535/],
  ['port 70000', { ...good, port: 70000 }, /1-65535/],
  ["the sidecar's own port", { ...good, port: 20000 }, /which the sidecar uses/],
  ['a port name with capitals', { ...good, port: 'HTTP' }, /name of a container port/],
  ['a service name with dots', { ...good, service: 'a.b' }, /service/],
  ['a service name that is too long', { ...good, service: 'a'.repeat(64) }, /service/],
  ["Consul's own name", { ...good, service: 'consul' }, /may not be "consul"/],
  ["the name of another's proxies", { ...good, service: 'pay-sidecar-proxy' }, /-sidecar-proxy/],
  ['an upstream without a port', { ...good, upstreams: [{ service: 'a' }] }, /localPort.*Required/i],
  [
    'an upstream twice',
    {
      ...good,
      upstreams: [
        { service: 'a', localPort: 1 },
        { service: 'a', localPort: 2 },
      ],
    },
    /Duplicate/i,
  ],
  [
    'two upstreams on one port',
    {
      ...good,
      upstreams: [
        { service: 'a', localPort: 9 },
        { service: 'b', localPort: 9 },
      ],
    },
    /same localPort/,
  ],
  [
    "an upstream on the sidecar's port",
    { ...good, upstreams: [{ service: 'a', localPort: 19000 }] },
    /which the sidecar uses/,
  ],
  ["an upstream on the app's port", { ...good, upstreams: [{ service: 'a', localPort: 8080 }] }, /app's own port/],
  ['an environment variable that is none', { ...good, upstreams: [{ service: 'a', localPort: 9, env: 'A-B' }] }, /env/],
  [
    'one environment variable for two upstreams',
    {
      ...good,
      upstreams: [
        { service: 'a', localPort: 8, env: 'A' },
        { service: 'b', localPort: 9, env: 'A' },
      ],
    },
    /two upstreams have the same env/,
  ],
  ['a proxy without workers', { ...good, proxy: { concurrency: 0 } }, /concurrency.*greater than or equal to 1/],
  ['a proxy with too many workers', { ...good, proxy: { concurrency: 65 } }, /concurrency.*less than or equal to 64/],
  ['a drain time above an hour', { ...good, proxy: { drainTime: '61m' } }, /drainTime must be from 1s to 1h/],
  ['a drain time of nothing', { ...good, proxy: { drainTime: '0s' } }, /drainTime must be from 1s to 1h/],
  ['a drain time that is none', { ...good, proxy: { drainTime: 'soon' } }, /drainTime/],
  ['an unknown log level', { ...good, proxy: { logLevel: 'loud' } }, /Unsupported value.*debug/],
  ['an access log that does not exist', { ...good, proxy: { accessLog: 'text' } }, /Unsupported value.*json/],
  ['memory that is no amount', { ...good, proxy: { resources: { limits: { memory: '1 GB' } } } }, /memory/],
  ['a stats tag that is no name', { ...good, proxy: { stats: { tags: { 'a-b': 'c' } } } }, /names in proxy.stats.tags/],
  ['access for nobody in particular', { ...good, access: [{ from: '' }] }, /from/],
  ['access by a pattern', { ...good, access: [{ from: 'web-*' }] }, /from/],
  ['access twice', { ...good, access: [{ from: 'a' }, { from: 'a' }] }, /names a service in two rules/],
  ['a field that does not exist', { ...good, retries: 3 }, /unknown field "spec.retries"/],
];

describe('a MeshService on the real API server', function () {
  this.timeout(120_000);
  let kube: RealKube;
  const create = (name: string, spec: object): Promise<KubeObject> =>
    kube.client.request<KubeObject>('POST', '/apis/landbridge.dev/v1alpha1/namespaces/shop/meshservices', {
      body: { apiVersion: 'landbridge.dev/v1alpha1', kind: 'MeshService', metadata: { name, namespace: 'shop' }, spec },
      query: { fieldValidation: 'Strict' },
    });

  before(async () => {
    kube = await startApiServer();
    await kube.client.create(namespaces, { metadata: { name: 'shop' } });
    await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
    await eventually(
      'the kind is served',
      20_000,
      async () => (await kube.client.list(meshServices, { namespace: 'shop' })) !== undefined,
    );
  });
  after(() => kube?.stop());

  for (const [what, spec, words] of BAD) {
    it(`is refused with ${what}`, async () => {
      const refusal = await create('bad', spec).then(
        () => expect.fail('it was taken'),
        (error: Error) => error.message,
      );
      expect(refusal).to.match(words);
    });
  }

  for (const file of readdirSync(SAMPLES)) {
    it(`is taken as crds/samples/${file} has it`, async () => {
      const { metadata, spec } = load(readFileSync(new URL(file, SAMPLES), 'utf8')) as KubeObject & { spec: object };
      expect((await create(metadata.name, spec)).metadata.name).to.equal(metadata.name);
    });
  }

  it('is refused with a name that Consul cannot have', async () => {
    const refusal = await create('a.b', good).then(
      () => expect.fail('it was taken'),
      (error: Error) => error.message,
    );
    expect(refusal).to.match(/metadata.name is also a name in Consul/);
  });

  it('gets its defaults from the schema, and reads back as what the core works on', async () => {
    const created = await create('web', { workloads: { external: { sites: ['rack-1'] } } });
    expect(created.spec).to.deep.include({ protocol: 'tcp', upstreams: [], access: [] });
    expect(parseMeshService(created as never).spec).to.deep.equal(created.spec);
  });

  it('may name its port, and say who may call', async () => {
    const spec = { ...good, port: 'http', protocol: 'grpc', access: [{ from: '*' }, { from: 'web' }] };
    expect((await create('named', spec)).spec).to.deep.include({ port: 'http' });
  });
});
