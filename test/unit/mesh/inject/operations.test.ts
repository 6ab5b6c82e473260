import { expect } from 'chai';
import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import type { Container, Pod } from '../../../../crds/kubernetes.ts';
import { applied, pointer } from '../../../../mesh/inject/operations.ts';
import { injected, injectionPatch } from '../../../../mesh/inject/patch.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const http = () => 'http';

const withUpstreams = (count: number) =>
  aMeshService('web', {
    protocol: 'http',
    upstreams: Array.from({ length: count }, (_, index) => ({ service: `up-${index}`, localPort: 9000 + index })),
  });

const withVariables = (containers: number, variables: number): Pod =>
  aPod(
    'p',
    { app: 'web' },
    {
      containers: Array.from({ length: containers }, (_, at) => ({
        name: `app-${at}`,
        env: Array.from({ length: variables }, (__, index) => ({ name: `SETTING_${index}`, value: 'x' })),
      })),
    },
  );

describe('applied', () => {
  it('does what RFC 6902 says, and leaves the document as it was', () => {
    const document = { a: { 'x/y~z': 1 }, list: [1, 2, 3] };
    const operations = [
      { op: 'add', path: pointer('list', 0), value: 0 },
      { op: 'remove', path: pointer('list', 2) },
      { op: 'replace', path: pointer('list', 1), value: 'one' },
      { op: 'add', path: pointer('list', 3), value: 'end' },
      { op: 'replace', path: pointer('a', 'x/y~z'), value: 2 },
      { op: 'add', path: pointer('b'), value: [] },
      { op: 'remove', path: pointer('a', 'x/y~z') },
    ] as const;
    const before = JSON.stringify(document);
    const theirs = structuredClone(document);
    expect(applyPatch(theirs, [...operations]).filter(Boolean)).to.deep.equal([]);
    expect(applied(document, operations)).to.deep.equal(theirs);
    expect(JSON.stringify(document)).to.equal(before);
  });
});

describe('the cost of a pod', () => {
  it('is an operation for each container and upstream, and a few for the pod, however many variables there are', () => {
    for (const [containers, variables, upstreams] of [
      [40, 50, 10],
      [1, 5000, 10],
      [100, 100, 64],
    ] as const) {
      const operations = injectionPatch(withVariables(containers, variables), withUpstreams(upstreams), SETTINGS, http);
      expect(operations.length).to.be.at.most(containers * (upstreams + 2) + 8);
      expect(JSON.stringify(operations), 'nothing of the pod itself is sent back').not.to.contain('SETTING_');
    }
  });

  it('is linear: each field of the pod is read a few times at most', () => {
    const reads = (variables: number): number => {
      let count = 0;
      const counted = <T extends object>(value: T): T =>
        new Proxy(value, {
          get(target, key, receiver) {
            count++;
            const got: unknown = Reflect.get(target, key, receiver);
            return typeof got === 'object' && got !== null ? counted(got) : got;
          },
        });
      injectionPatch(counted(withVariables(4, variables)), withUpstreams(10), SETTINGS, http);
      return count;
    };
    const [small, large] = [reads(250), reads(2500)];
    expect(large / small).to.be.lessThan(11);
    expect(large).to.be.lessThan(4 * 2500 * 6);
  });
});

const name = fc.constantFrom('app', 'helper', 'log', 'a/b', 'c~d');
const container: fc.Arbitrary<Container> = fc.record(
  {
    name,
    image: fc.constant('x:1'),
    restartPolicy: fc.constantFrom('Always'),
    env: fc.array(
      fc.record({
        name: fc.constantFrom('UP_0_ADDR', 'UP_1_ADDR', 'OTHER', 'PATH'),
        value: fc.string({ maxLength: 9 }),
      }),
      { maxLength: 4 },
    ),
    ports: fc.array(fc.record({ containerPort: fc.integer({ min: 1, max: 8000 }) }), { maxLength: 2 }),
    lifecycle: fc.constantFrom(
      { postStart: { exec: { command: ['a'] } } },
      { preStop: { exec: { command: ['b'] } } },
      {},
    ),
    securityContext: fc.constantFrom({ runAsUser: 20200 }, { runAsUser: 1000 }, {}),
  },
  { requiredKeys: ['name'] },
) as fc.Arbitrary<Container>;

const pod: fc.Arbitrary<Pod> = fc
  .tuple(
    fc.record(
      {
        containers: fc.array(container, { minLength: 1, maxLength: 4 }),
        initContainers: fc.array(container, { maxLength: 3 }),
        volumes: fc.array(fc.record({ name: fc.constantFrom('data', 'tmp') }), { maxLength: 2 }),
        resources: fc.constantFrom(
          { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '0.5', memory: '256M' } },
          { limits: { memory: '1Gi' } },
          { requests: { cpu: '1' } },
        ),
        terminationGracePeriodSeconds: fc.integer({ min: 0, max: 40 }),
        restartPolicy: fc.constantFrom('Always', 'Never'),
      },
      { requiredKeys: ['containers'] },
    ),
    fc.option(fc.dictionary(fc.constantFrom('app', 'a/b'), fc.constant('web')), { nil: undefined }),
  )
  .map(([spec, annotations]) => {
    const made = aPod('p', { app: 'web' }, spec);
    return JSON.parse(JSON.stringify({ ...made, metadata: { ...made.metadata, annotations } })) as Pod;
  });

describe('the operations', () => {
  it('give the injected pod when rfc6902 applies them, and are empty for an injected pod', () => {
    fc.assert(
      fc.property(
        pod,
        fc.integer({ min: 0, max: 3 }),
        fc.option(fc.constant(22017), { nil: undefined }),
        (given, count, port) => {
          const service = withUpstreams(count);
          const before = JSON.stringify(given);
          const patch = injectionPatch(given, service, SETTINGS, http, port);
          const theirs = structuredClone(given);
          expect(applyPatch(theirs, structuredClone(patch)).filter(Boolean)).to.deep.equal([]);
          const ours = injected(given, service, SETTINGS, http, port);
          expect(ours).to.deep.equal(theirs);
          expect(JSON.stringify(given), 'the pod itself is not touched').to.equal(before);
          expect(injectionPatch(ours, service, SETTINGS, http, port)).to.deep.equal([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('make of a pod of another MeshService the same as of one that never had a sidecar', () => {
    fc.assert(
      fc.property(pod, (given) => {
        const other = aMeshService('other', {
          protocol: 'http',
          upstreams: [
            { service: 'up-0', localPort: 7000 },
            { service: 'up-7', localPort: 7007 },
          ],
        });
        const twice = injected(
          injected(given, other, SETTINGS, http, 22999, 'elsewhere'),
          withUpstreams(2),
          SETTINGS,
          http,
        );
        const once = injected(given, withUpstreams(2), SETTINGS, http);
        expect(environments(twice)).to.deep.equal(environments(once));
        expect(twice.spec.initContainers?.[0]).to.deep.equal(once.spec.initContainers?.[0]);
        expect(twice.spec.volumes).to.deep.equal(once.spec.volumes);
        expect(twice.metadata).to.deep.equal(once.metadata);
      }),
      { numRuns: 300 },
    );
  });
});

const environments = ({ spec }: Pod): unknown =>
  [...spec.containers, ...(spec.initContainers ?? [])].map(({ env = [], ports = [] }) => [env, ports]);
