import { expect } from 'chai';
import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { namespaces } from '../../../clients/kube/resources.ts';
import type { Container, Pod } from '../../../crds/kubernetes.ts';
import { decide } from '../../../mesh/inject/decide.ts';
import { injected, injectionPatch } from '../../../mesh/inject/patch.ts';
import { arbitraryPod } from '../../support/arbitrary/pod.ts';
import { aMeshService } from '../../support/builders.ts';
import { POD_TEMPLATES, type PodTemplate } from '../../support/kube/pod-templates.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const http = () => 'http';
const web = aMeshService('web', {
  protocol: 'http',
  upstreams: [
    { service: 'up-0', localPort: 9191 },
    { service: 'up-1', localPort: 9292 },
  ],
});

/** The pod after the patch, applied by rfc6902. */
function patched(pod: Pod, hostPort?: number): Pod {
  const patch = injectionPatch(pod, web, SETTINGS, http, hostPort, 'shop');
  expect(patch.length).to.be.at.most((pod.spec.containers.length + (pod.spec.initContainers?.length ?? 0)) * 5 + 12);
  const copy = structuredClone(pod);
  expect(applyPatch(copy, structuredClone(patch)).filter(Boolean), 'operations that do not fit').to.deep.equal([]);
  return copy;
}

/** Everything that the pod says is there still, letter by letter, in the same order. */
function expectUntouched(before: Pod, after: Pod): void {
  const { containers, initContainers = [], volumes = [], resources, ...spec } = before.spec;
  for (const [key, value] of Object.entries(spec))
    expect(JSON.stringify(after.spec[key])).to.equal(JSON.stringify(value));
  expect(JSON.stringify(after.spec.volumes!.slice(0, volumes.length))).to.equal(JSON.stringify(volumes));
  expect(after.spec.volumes).to.have.length(volumes.length + 1);
  const [sidecar, ...rest] = after.spec.initContainers!;
  expect(sidecar!.name).to.equal('landbridge-sidecar');
  expectContainers(initContainers, rest);
  expectContainers(containers, after.spec.containers);
  if (resources === undefined) expect(after.spec).not.to.have.property('resources');
  const { labels = {}, annotations = {}, ...metadata } = before.metadata;
  expect(after.metadata).to.deep.include(metadata);
  expect(after.metadata.labels).to.include(labels ?? {});
  expect(after.metadata.annotations).to.include(annotations ?? {});
}

function expectContainers(before: Container[], after: Container[]): void {
  expect(after).to.have.length(before.length);
  before.forEach((container, index) => {
    const { env = [], ports = [], lifecycle, ...others } = container;
    const now = after[index]!;
    for (const [key, value] of Object.entries(others)) expect(JSON.stringify(now[key])).to.equal(JSON.stringify(value));
    expect(JSON.stringify((now.env ?? []).slice((now.env ?? []).length - env.length))).to.equal(
      JSON.stringify(env ?? []),
    );
    expect(JSON.stringify((now.ports ?? []).slice(0, ports.length))).to.equal(JSON.stringify(ports ?? []));
    if (lifecycle !== undefined) expect(now.lifecycle).to.deep.include(lifecycle);
  });
}

for (const version of ['1.29', '1.37']) {
  describe(`The patch of any pod that the schema of Kubernetes ${version} has`, function () {
    this.timeout(120_000);

    it('leads to the injected pod, touches nothing of it, and comes to rest', async () => {
      const pods = await arbitraryPod(version);
      fc.assert(
        fc.property(pods, fc.option(fc.constant(22017), { nil: undefined }), (pod, hostPort) => {
          const after = patched(pod, hostPort);
          expect(injected(pod, web, SETTINGS, http, hostPort, 'shop')).to.deep.equal(after);
          expect(injectionPatch(after, web, SETTINGS, http, hostPort, 'shop')).to.deep.equal([]);
          expect(() => decide(pod, [web], 'shop')).not.to.throw();
          expectUntouched(pod, after);
        }),
        { numRuns: 300 },
      );
    });
  });
}

const owner = (kind: string) => [{ apiVersion: 'apps/v1', kind, name: 'web', uid: 'd1', controller: true }];

describe('The pods of charts, on the real API server', function () {
  this.timeout(120_000);
  let kube: RealKube;
  before(async () => {
    kube = await startApiServer();
    await kube.client.create(namespaces, { metadata: { name: 'shop' } });
  });
  after(() => kube?.stop());

  const accepts = (path: string, body: object): Promise<KubeObject> =>
    kube.client.request<KubeObject>('POST', path, { body, query: { dryRun: 'All', fieldValidation: 'Strict' } });

  it('are at least sixty, of every kind that holds pods', () => {
    expect(POD_TEMPLATES.length).to.be.at.least(60);
    expect(new Set(POD_TEMPLATES.map(({ title }) => title)).size).to.equal(POD_TEMPLATES.length);
  });

  for (const template of POD_TEMPLATES) {
    it(`are taken with their sidecar: ${template.kind}, ${template.title}`, async () => {
      const made: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web-1', namespace: 'shop', labels: { app: 'web' } },
        spec: template.spec,
      };
      // As the webhook gets it: with the API server's defaults.
      const stored = (await accepts('/api/v1/namespaces/shop/pods', made)) as KubeObject & Pod;
      const { status, metadata, ...rest } = stored;
      void status;
      const kinds = template.kind === 'Pod' ? {} : { ownerReferences: owner('ReplicaSet') };
      const pod = {
        ...rest,
        metadata: { name: 'web-1', namespace: 'shop', labels: metadata.labels!, ...kinds },
      } as Pod;
      for (const given of [made, pod]) {
        expect(decide(given, [web], 'shop').do).to.equal('inject');
        const after = patched(given);
        expectUntouched(given, after);
        expect(injected(given, web, SETTINGS, http, undefined, 'shop')).to.deep.equal(after);
        const taken = (await accepts('/api/v1/namespaces/shop/pods', after)) as KubeObject & Pod;
        expect(taken.spec.initContainers![0]!.restartPolicy).to.equal('Always');
        expect(decide(taken, [web], 'shop'), 'asked again').to.deep.equal({ do: 'skip', reason: 'AlreadyInjected' });
      }
      const workload = workloadOf(template);
      if (workload !== undefined) await accepts(workload.path, workload.object);
    });
  }
});

/** The workload with the injected template, as `landbridge inject` writes it; undefined where no API server knows the kind. */
function workloadOf({ kind, spec }: PodTemplate): { path: string; object: object } | undefined {
  const { metadata, spec: after } = injected(
    { metadata: { labels: { app: 'web' } } as never, spec },
    web,
    SETTINGS,
    http,
  );
  const template = { metadata, spec: after };
  const head = { metadata: { name: 'web', namespace: 'shop' }, kind };
  const selector = { matchLabels: { app: 'web' } };
  // A schedule of gates and deadlines is a pod's own.
  if ('activeDeadlineSeconds' in spec) return undefined;
  switch (kind) {
    case 'Deployment':
    case 'DaemonSet':
    case 'StatefulSet':
      return {
        path: `/apis/apps/v1/namespaces/shop/${kind.toLowerCase()}s`,
        object: {
          apiVersion: 'apps/v1',
          ...head,
          spec: { selector, template, ...(kind === 'StatefulSet' ? { serviceName: 'web' } : {}) },
        },
      };
    case 'Job':
      return {
        path: '/apis/batch/v1/namespaces/shop/jobs',
        object: { apiVersion: 'batch/v1', ...head, spec: { template } },
      };
    case 'CronJob':
      return {
        path: '/apis/batch/v1/namespaces/shop/cronjobs',
        object: {
          apiVersion: 'batch/v1',
          ...head,
          spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template } } },
        },
      };
    default:
      return undefined;
  }
}
