import { expect } from 'chai';
import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import type { Container, Pod } from '../../../../crds/kubernetes.ts';
import type { SKIP_REASONS } from '../../../../mesh/inject/decide.ts';
import { decide } from '../../../../mesh/inject/decide.ts';
import { injected, injectionPatch } from '../../../../mesh/inject/patch.ts';
import { podFacts } from '../../../../mesh/service/pod.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const web = aMeshService('web', {
  protocol: 'http',
  upstreams: [
    { service: 'add-svc', localPort: 9191, env: 'ADD_SVC_ADDR' },
    { service: 'echo', localPort: 9292, env: 'ECHO_ADDR' },
  ],
});
const protocolOf = (service: string) => ({ 'add-svc': 'http', echo: 'tcp' })[service];

describe('decide', () => {
  it('injects a pod that one MeshService selects', () => {
    expect(decide(aPod('p', { app: 'web' }), [web])).to.deep.equal({ do: 'inject', meshService: web });
  });

  const skips: [keyof typeof SKIP_REASONS, Pod][] = [
    ['NotSelected', aPod('p', { app: 'other' })],
    ['OptedOut', aPod('p', { app: 'web', 'landbridge.dev/inject': 'false' })],
    [
      'StaticPod',
      {
        metadata: { ...aPod('p', { app: 'web' }).metadata, annotations: { 'kubernetes.io/config.mirror': 'x' } },
        spec: aPod('p', {}).spec,
      },
    ],
    ['HostNetwork', aPod('p', { app: 'web' }, { hostNetwork: true })],
    ['AlreadyInjected', injected(aPod('p', { app: 'web' }), web, SETTINGS, protocolOf)],
  ];
  for (const [reason, pod] of skips) {
    it(`skips with ${reason}`, () => expect(decide(pod, [web])).to.deep.equal({ do: 'skip', reason }));
  }

  it('gives a pod that several MeshServices select to the oldest of them, in any order of names', () => {
    const made = (name: string, creationTimestamp: string) =>
      aMeshService(name, { workloads: { pods: { selector: { matchLabels: { app: 'web' } } } } }, { creationTimestamp });
    const [old, young] = [made('z-old', '2026-01-01T00:00:00Z'), made('a-young', '2026-01-02T00:00:00Z')];
    const decision = decide(aPod('p', { app: 'web' }), [young, old]);
    expect(decision).to.deep.equal({ do: 'inject', meshService: old, others: [young] });
    const going = { ...old, metadata: { ...old.metadata, deletionTimestamp: '2026-01-03T00:00:00Z' } };
    expect(decide(aPod('p', { app: 'web' }), [young, going])).to.deep.equal({ do: 'inject', meshService: young });
  });

  it('is not fooled by a copied annotation without the container', () => {
    const copied = aPod('p', { app: 'web' });
    copied.metadata.annotations = { 'landbridge.dev/injected': 'true' };
    expect(decide(copied, [web]).do).to.equal('inject');
  });
});

const containerArbitrary: fc.Arbitrary<Container> = fc.record({
  name: fc.constantFrom('app', 'helper', 'log'),
  image: fc.constant('x:1'),
  env: fc.subarray([
    { name: 'ADD_SVC_ADDR', value: 'mine' },
    { name: 'OTHER', value: '1' },
  ]),
});
const podArbitrary: fc.Arbitrary<Pod> = fc
  .record({
    containers: fc.array(containerArbitrary, { minLength: 1, maxLength: 3 }),
    initContainers: fc.option(fc.array(containerArbitrary, { maxLength: 2 }), { nil: undefined }),
    volumes: fc.option(fc.constant<{ name: string; emptyDir: object }[]>([{ name: 'data', emptyDir: {} }]), {
      nil: undefined,
    }),
  })
  .map((spec) => JSON.parse(JSON.stringify(aPod('p', { app: 'web' }, spec))) as Pod);

describe('injectionPatch', () => {
  it('turns the pod into the injected one, exactly', () => {
    fc.assert(
      fc.property(podArbitrary, (pod) => {
        const patched = structuredClone(pod);
        const failures = applyPatch(patched, injectionPatch(pod, web, SETTINGS, protocolOf)).filter(Boolean);
        expect(failures).to.deep.equal([]);
        expect(patched).to.deep.equal(injected(pod, web, SETTINGS, protocolOf));
      }),
    );
  });

  it('asks for nothing the second time', () => {
    fc.assert(
      fc.property(podArbitrary, (pod) => {
        const once = injected(pod, web, SETTINGS, protocolOf);
        expect(injectionPatch(once, web, SETTINGS, protocolOf)).to.deep.equal([]);
      }),
    );
  });

  it('adds one container, first in the list, that stays for the life of the pod, and nothing else', () => {
    fc.assert(
      fc.property(podArbitrary, (pod) => {
        const after = injected(pod, web, SETTINGS, protocolOf);
        expect(after.spec.initContainers?.[0]).to.include({ name: 'landbridge-sidecar', restartPolicy: 'Always' });
        expect(after.spec.initContainers).to.have.length((pod.spec.initContainers?.length ?? 0) + 1);
        expect(after.spec.containers).to.have.length(pod.spec.containers.length);
        expect(after.spec.volumes).to.have.length((pod.spec.volumes?.length ?? 0) + 1);
      }),
    );
  });

  it('takes a port of the node by the first container, once, and leaves it again', () => {
    fc.assert(
      fc.property(podArbitrary, (pod) => {
        const [before, ...others] = pod.spec.containers;
        const with22017 = injected(pod, web, SETTINGS, protocolOf, 22017);
        const port = { name: 'landbridge-mesh', containerPort: 20000, hostPort: 22017, protocol: 'TCP' };
        expect(with22017.spec.containers[0]!.ports).to.deep.equal([...(before!.ports ?? []), port]);
        expect(with22017.spec.containers.slice(1).map(({ ports }) => ports)).to.deep.equal(others.map((c) => c.ports));
        expect(injectionPatch(with22017, web, SETTINGS, protocolOf, 22017)).to.deep.equal([]);
        const without = injected(with22017, web, SETTINGS, protocolOf);
        expect(without.spec.containers[0]!.ports ?? []).to.deep.equal(before!.ports ?? []);
        expect(podFacts(with22017).hostPort).to.equal(22017);
        expect(podFacts(without).hostPort).to.equal(undefined);
      }),
    );
  });

  it('names upstreams by environment variable, before all others, and leaves alone what the container sets itself', () => {
    const pod = aPod('p', { app: 'web' });
    pod.spec.containers[0]!.env = [{ name: 'ADD_SVC_ADDR', value: 'mine' }];
    const [app] = injected(pod, web, SETTINGS, protocolOf).spec.containers;
    expect(app?.env).to.deep.equal([
      { name: 'ECHO_ADDR', value: 'localhost:9292' },
      { name: 'ADD_SVC_ADDR', value: 'mine' },
    ]);
  });
});
