import { readFileSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { load } from 'js-yaml';
import { pino } from 'pino';
import { judgeApply } from '../../../cli/judge-apply.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import {
  customResourceDefinitions,
  meshServices,
  namespaces,
  validatingWebhookConfigurations,
} from '../../../clients/kube/resources.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import { consulName, parseMeshService } from '../../../crds/mesh-service.ts';
import { type KeyPair, createAuthority, issue } from '../../../clients/pki/authority.ts';
import { VALIDATOR_CONFIGURATION, VALIDATOR_PATH } from '../../../mesh/installation/installation.ts';
import type { Neighbourhood } from '../../../mesh/traffic/problems/problem.ts';
import { servicesOf } from '../../../mesh/traffic/subset.ts';
import { validate } from '../../../operator/admission/validate.ts';
import { type Webhook, serveWebhook } from '../../../operator/admission/webhook.ts';
import { aMeshService } from '../../support/builders.ts';
import { eventually } from '../../support/eventually.ts';
import { chart, named } from '../../unit/charts/objects.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

import { REFUSED_SELECTORS, TAKEN_SELECTORS } from './refused-selectors.ts';
import { REFUSED_BY_OPERATOR, REFUSED_BY_SCHEMA } from './refused-traffic.ts';

const SAMPLES = new URL('../../../crds/samples/', import.meta.url);

const good = {
  port: 8080,
  workloads: { pods: { selector: { matchLabels: { app: 'web' } } } },
};

/** Mistakes of users, and the words of the real API server about them. */
const BAD: [string, object, RegExp][] = [
  ['no workloads', { port: 1 }, /workloads.*Required/i],
  ['workloads that say nothing', { workloads: {} }, /say where instances run/],
  ['a selector that selects everything', { workloads: { pods: { selector: {} } } }, /would select every pod/],
  [
    'a selector with an empty map',
    { workloads: { pods: { selector: { matchLabels: {} } } } },
    /would select every pod/,
  ],
  [
    'a duration without its unit',
    { ...good, protocol: 'http', traffic: { timeout: '30' } },
    /^(?!.*type conversion).*between 1ms and 1h, with its unit/s,
  ],
  [
    'a header in capitals',
    { ...good, protocol: 'http', access: [{ from: 'a', headers: [{ name: 'X-Tenant', present: true }] }] },
    /compared without case and written in lower case/,
  ],
  [
    'a pseudo header',
    {
      ...good,
      protocol: 'http',
      traffic: { routes: [{ name: 'r', headers: [{ name: ':path', exact: '/' }], subset: 'pods' }] },
    },
    /for ":path" and ":method" there are path and methods/,
  ],
  ['no sites', { workloads: { external: { sites: [] } } }, /sites/],
  ['a site twice', { workloads: { external: { sites: ['a', 'a'] } } }, /Duplicate/i],
  ['a site with capitals', { workloads: { external: { sites: ['Rack'] } } }, /sites/],
  ['an unknown protocol', { ...good, protocol: 'udp' }, /Unsupported value.*tcp/],
  [
    'the word who speaks first where sidecars see requests',
    { ...good, protocol: 'http', speaksFirst: 'Caller' },
    /speaksFirst is for protocol tcp/,
  ],
  ['an unknown mode of mutual TLS', { ...good, mutualTLS: 'None' }, /Unsupported value.*Strict/],
  ['plaintext port 0', { ...good, plaintextPorts: [0] }, /plaintextPorts\[0\].*greater than or equal to 1/],
  ['plaintext port 70000', { ...good, plaintextPorts: [70000] }, /plaintextPorts\[0\].*less than or equal to 65535/],
  ['a plaintext port twice', { ...good, plaintextPorts: [9090, 9090] }, /Duplicate/i],
  ['a plaintext port name twice', { ...good, plaintextPorts: ['metrics', 'metrics'] }, /Duplicate/i],
  [
    'a plaintext port name with capitals',
    { ...good, plaintextPorts: ['Metrics'] },
    /plaintextPorts\[0\].*should match/,
  ],
  ['a plaintext port name that is too long', { ...good, plaintextPorts: ['a'.repeat(16)] }, /plaintextPorts\[0\].*15/],
  [
    'a plaintext port that is a number in quotes',
    { ...good, plaintextPorts: ['9090'] },
    /plaintextPorts\[0\].*should match/,
  ],
  ['an empty plaintext port name', { ...good, plaintextPorts: [''] }, /plaintextPorts\[0\].*should match/],
  ['the port of the sidecar in plain text', { ...good, plaintextPorts: [20000] }, /which the sidecar uses/],
  ['33 plaintext ports', { ...good, plaintextPorts: Array.from({ length: 33 }, (_, i) => 9000 + i) }, /32 items/],
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
  ['expose of tcp', { ...good, expose: { hosts: ['a.example'] } }, /set protocol to http/],
  [
    'expose of grpc',
    { ...good, protocol: 'grpc', expose: { hosts: ['a.example'] } },
    /let callers of tcp, http2 and grpc join/,
  ],
  ['expose without a host', { ...good, protocol: 'http', expose: { hosts: [] } }, /hosts/],
  ['expose of a host that is none', { ...good, protocol: 'http', expose: { hosts: ['a_b'] } }, /hosts/],
  ['expose of a path without /', { ...good, protocol: 'http', expose: { hosts: ['a'], paths: ['api'] } }, /paths/],
  ["the edge gateway's name", { ...good, service: 'landbridge-edge' }, /may not be "consul", "landbridge-edge" or/],
  ["the terminating gateway's name", { ...good, service: 'landbridge-gateway' }, /may not be "consul"/],
  ['access for nobody in particular', { ...good, access: [{ from: '' }] }, /from/],
  ['access by a pattern', { ...good, access: [{ from: 'web-*' }] }, /from/],
  ['access twice', { ...good, access: [{ from: 'a' }, { from: 'a' }] }, /names a service in two rules/],
  ['a field that does not exist', { ...good, retries: 3 }, /unknown field "spec.retries"/],
];

/** Name, spec, and the name in Consul that is held. */
const OTHERS: [string, Parameters<typeof aMeshService>[1], string?][] = [
  ['other', { protocol: 'http' }],
  ['plain', { protocol: 'tcp' }],
  ['around', { protocol: 'http', traffic: { split: [{ service: 'bad', weight: 100 }] } }],
  ['holder', { service: 'taken' }, 'taken'],
];

async function webhookCertificates(): Promise<{ ca: string; serving: KeyPair }> {
  const life = { nowMs: Date.now(), days: 1 };
  const authority = await createAuthority('webhook CA', life);
  const names = { commonName: 'localhost', dns: ['localhost'], usage: 'server' as const };
  return { ca: authority.certPem, serving: await issue(authority, { ...names, ...life }) };
}

/** That of the chart, on this machine. */
function validator(port: number, ca: string): KubeObject {
  const made = structuredClone(named(chart(), 'ValidatingWebhookConfiguration', VALIDATOR_CONFIGURATION));
  const caBundle = Buffer.from(ca).toString('base64');
  made['webhooks'][0].clientConfig = { url: `https://localhost:${port}${VALIDATOR_PATH}`, caBundle };
  return made as unknown as KubeObject;
}

describe('a MeshService on the real API server', function () {
  this.timeout(120_000);
  let kube: RealKube;
  let webhook: Webhook;
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
  after(async () => {
    await webhook?.close();
    await kube?.stop();
  });

  before('the validating webhook, as the operator serves it', async () => {
    const { ca, serving } = await webhookCertificates();
    const others = OTHERS.map(([name, spec, service]) => {
      const made = aMeshService(name, spec);
      return service === undefined ? made : { ...made, status: { consul: { service, node: 'n' } } };
    });
    const around: Neighbourhood = {
      cluster: 'lab',
      named: (service) => others.filter((other) => consulName(other) === service),
      joining: (service) => others.filter(({ spec }) => servicesOf(spec.traffic).includes(service)),
    };
    webhook = await serveWebhook({
      port: 0,
      host: '127.0.0.1',
      certificate: serving,
      review: () => expect.fail('no pod is made here'),
      validate: (request) => validate(request, around),
      log: pino({ level: 'silent' }),
    });
    await kube.client.create(validatingWebhookConfigurations, validator(webhook.port, ca));
    await eventually('the webhook is asked', 30_000, async () =>
      create('probe', { ...good, service: 'taken' }).then(
        async () => void (await kube.client.delete(meshServices, 'probe', 'shop')),
        (error: Error) => /belongs to MeshService/.test(error.message),
      ),
    );
  });

  for (const [what, spec, words] of [...BAD, ...REFUSED_BY_SCHEMA, ...REFUSED_SELECTORS, ...REFUSED_BY_OPERATOR]) {
    it(`is refused with ${what}`, async () => {
      const refusal = await create('bad', spec).then(
        () => expect.fail('it was taken'),
        (error: Error) => error.message,
      );
      expect(refusal).to.match(words);
    });
  }

  for (const [at, selector] of TAKEN_SELECTORS.entries())
    it(`is taken with a selector that Kubernetes takes: ${JSON.stringify(selector).slice(0, 80)}`, async () => {
      const name = `selects-${at}`;
      await create(name, { ...good, workloads: { pods: { selector } } });
      await kube.client.delete(meshServices, name, 'shop');
    });

  it('is refused in a plan with the same words, and nothing is stored', async () => {
    const object = (name: string, spec: object): KubeObject =>
      ({ ...aMeshService(name), metadata: { name }, spec }) as KubeObject;
    for (const [what, spec, words] of [REFUSED_BY_SCHEMA[0]!, REFUSED_BY_OPERATOR[0]!])
      expect((await judgeApply(kube.client, object('bad', spec), 'shop')).refusal?.message, what)
        .to.match(words)
        .and.not.match(/^POST/);
    expect((await judgeApply(kube.client, object('planned', good), 'shop')).refusal).to.equal(undefined);
    expect(await kube.client.get(meshServices, 'planned', 'shop')).to.equal(undefined);
  });

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
    expect(created.spec).to.deep.include({ protocol: 'tcp', upstreams: [] }).and.not.have.property('access');
    expect(parseMeshService(created as never).spec).to.deep.equal(created.spec);
  });

  it('may name its port, and say who may call', async () => {
    const spec = { ...good, port: 'http', protocol: 'grpc', access: [{ from: '*' }, { from: 'web' }] };
    expect((await create('named', spec)).spec).to.deep.include({ port: 'http' });
  });

  it('may say its mode of mutual TLS, and plaintext ports by number and by name', async () => {
    const doors = { mutualTLS: 'Strict', plaintextPorts: [9090, 'metrics', 'h2-9', '0a', 65535] };
    const created = await create('doors', { ...good, ...doors });
    expect(created.spec).to.deep.include(doors);
    expect(parseMeshService(created as never).spec).to.deep.include(doors);
  });
});
