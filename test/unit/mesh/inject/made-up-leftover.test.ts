import { expect } from 'chai';
import { applyPatch } from 'rfc6902';
import type { Container, Pod, PodSpec } from '../../../../crds/kubernetes.ts';
import { decide } from '../../../../mesh/inject/decide.ts';
import { SIDECAR_CONTAINER } from '../../../../mesh/names/names.ts';
import { leftoverOperations } from '../../../../mesh/inject/leftover.ts';
import { applied } from '../../../../mesh/inject/operations.ts';
import { injectionPatch } from '../../../../mesh/inject/patch.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const web = aMeshService('web', {
  workloads: { pods: { selector: { matchLabels: { app: 'web' } } } },
  upstreams: [{ service: 'up', localPort: 9000 }],
});

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const variables = (count: number) => times(count, (at) => ({ name: `V${at}`, value: 'localhost:1' }));
const sidecar = (count: number, more: object = {}): Container => ({
  name: SIDECAR_CONTAINER,
  env: [
    {
      name: 'LANDBRIDGE_VARIABLES',
      value: variables(count)
        .map(({ name }) => name)
        .join(),
    },
  ],
  volumeMounts: [{ name: 'v', mountPath: '/etc/landbridge' }],
  ...more,
});
const kept = { name: 'KEPT', value: 'x' };

/** Pods that a stranger writes by hand, so that one list says again and again that an injection made it. */
const PODS: Record<string, (count: number) => PodSpec> = {
  'variables of a container': (count) => ({
    containers: [{ name: 'a', env: [...variables(count), kept] }],
    initContainers: [sidecar(count)],
  }),
  'one variable again and again': (count) => ({
    containers: [{ name: 'a', env: [...times(count, () => variables(1)[0]!), kept] }],
    initContainers: [sidecar(1)],
  }),
  'variables of an init container': (count) => ({
    containers: [{ name: 'a' }],
    initContainers: [sidecar(count), { name: 'b', env: [...variables(count), kept] }],
  }),
  volumes: (count) => ({
    containers: [{ name: 'a' }],
    initContainers: [sidecar(1)],
    volumes: [...times(count, () => ({ name: 'v' })), { name: 'w' }],
  }),
  'volumes, and as many mounts of the sidecar': (count) => ({
    containers: [{ name: 'a' }],
    initContainers: [
      sidecar(1, {
        volumeMounts: [
          ...times(count, (at) => ({ name: `m${at}`, mountPath: `/m${at}` })),
          { name: 'v', mountPath: '/etc/landbridge' },
        ],
      }),
    ],
    volumes: [...times(count, (at) => ({ name: `w${at}` })), { name: 'v' }],
  }),
  'ports of a container': (count) => ({
    containers: [
      {
        name: 'a',
        ports: [{ containerPort: 1 }, ...times(count, () => ({ name: 'landbridge-mesh', containerPort: 1 }))],
      },
    ],
    initContainers: [sidecar(1)],
  }),
  sidecars: (count) => ({
    containers: [{ name: 'a' }],
    initContainers: [{ name: 'b' }, ...times(Math.min(count, 400), () => sidecar(1))],
  }),
  'sidecars with resources in a pod with resources': (count) => ({
    containers: [{ name: 'a' }],
    initContainers: times(Math.min(count, 400), () => sidecar(1, { resources: { requests: { cpu: '1m' } } })),
    resources: { requests: Object.fromEntries(times(count, (at) => [`r${at}`, '1'])) },
  }),
  'sidecars that each name all variables': (count) => ({
    containers: [{ name: 'a', env: [...variables(count), kept] }],
    initContainers: times(Math.min(count, 400), () => sidecar(20)),
  }),
  'variables with their values in many containers': (count) => ({
    containers: times(Math.min(count, 400), (at) => ({ name: `c${at}`, env: [kept] })),
    initContainers: [
      sidecar(1, {
        env: [{ name: 'LANDBRIDGE_VARIABLES', value: times(count, (at) => `V${at}=localhost:1`).join() }],
      }),
    ],
  }),
  'hooks of many lengths': (count) => ({
    containers: times(Math.min(count, 400), (at) => ({
      name: `c${at}`,
      lifecycle: { preStop: { sleep: { seconds: at } } },
    })),
    initContainers: [sidecar(1, { env: times(count, (at) => ({ name: 'LANDBRIDGE_STOP_SECONDS', value: `${at}` })) })],
  }),
};

/** Fields of the pod that are read. */
function reads(spec: PodSpec, work: (pod: Pod) => unknown): number {
  let count = 0;
  const counted = <T extends object>(value: T): T =>
    new Proxy(value, {
      get(target, key, receiver) {
        count++;
        const got: unknown = Reflect.get(target, key, receiver);
        return typeof got === 'object' && got !== null ? counted(got) : got;
      },
    });
  work(counted(aPod('p', { app: 'web' }, spec)));
  return count;
}

describe('a pod that claims to have been injected thousands of times', () => {
  for (const [what, spec] of Object.entries(PODS)) {
    it(`costs as much as it weighs: ${what}`, () => {
      const operations = injectionPatch(aPod('p', { app: 'web' }, spec(3000)), web, SETTINGS, () => 'http');
      const containers = spec(3000).containers.length + (spec(3000).initContainers ?? []).length;
      expect(operations.length, 'each operation copies a list').to.be.lessThan(64 + 3 * containers + 16);
      for (const work of [
        (pod: Pod) => injectionPatch(pod, web, SETTINGS, () => 'http'),
        (pod: Pod) => decide(pod, [web], 'shop'),
        leftoverOperations,
      ]) {
        const [small, large] = [reads(spec(300), work), reads(spec(3000), work)];
        expect(large / small).to.be.lessThan(12);
      }
    });

    it(`is given to the API server in operations that it can apply: ${what}`, () => {
      const pod = aPod('p', { app: 'web' }, spec(100));
      for (const operations of [
        injectionPatch(pod, web, SETTINGS, () => 'http'),
        leftoverOperations({ ...pod, metadata: { name: 'copy' } }),
      ]) {
        const theirs = structuredClone(pod);
        expect(applyPatch(theirs, structuredClone(operations)).filter(Boolean)).to.deep.equal([]);
        expect(applied(pod, operations)).to.deep.equal(theirs);
      }
    });
  }
});
