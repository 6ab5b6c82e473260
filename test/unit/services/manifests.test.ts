import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { meshServiceSpec } from '../../../crds/mesh-service.ts';
import type { MeshServiceSpec } from '../../../crds/mesh-service.ts';

const services = fileURLToPath(new URL('../../../services/', import.meta.url));

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each kind has its own, and each test says what it looks at
  spec: any;
}

const files = readdirSync(`${services}manifests`);
const read = (file: string) => loadAll(readFileSync(`${services}manifests/${file}`, 'utf8')) as Manifest[];
const manifests = files.flatMap(read);
const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
const meshServices = new Map<string, MeshServiceSpec>(
  manifests
    .filter(({ kind }) => kind === 'MeshService')
    .map(({ metadata, spec }) => [metadata.name, meshServiceSpec.parse(spec)]),
);

describe('the manifests of the sample', () => {
  it('hold one service a file, under its name', () => {
    for (const file of files) {
      for (const { metadata } of read(file))
        expect(`${metadata.namespace ? metadata.name : 'namespace'}.yaml`).to.equal(file);
    }
  });

  it('put everything in a namespace that has the mesh and enforces restricted pods', () => {
    const namespace = manifests.find(({ kind }) => kind === 'Namespace');
    expect(namespace?.metadata).to.deep.equal({
      name: 'shop',
      labels: { 'landbridge.dev/mesh': 'enabled', 'pod-security.kubernetes.io/enforce': 'restricted' },
    });
    for (const { kind, metadata } of manifests) {
      if (kind !== 'Namespace') expect(metadata.namespace, metadata.name).to.equal('shop');
    }
  });

  it('let every service be called by those who call it, and by nobody else', () => {
    const calls = [...meshServices].flatMap(([name, { upstreams }]) =>
      upstreams.map(({ service }) => `${name} -> ${service}`),
    );
    const allowed = [...meshServices].flatMap(([name, { access = [] }]) =>
      access.map(({ from }) => `${from} -> ${name}`),
    );
    expect(allowed.sort()).to.deep.equal(calls.sort());
  });

  it('have the upstream ports that the services ask by default', () => {
    const port = (service: string, upstream: string) =>
      meshServices.get(service)?.upstreams.find((one) => one.service === upstream)?.localPort;
    const source = (path: string) => readFileSync(services + path, 'utf8');
    expect(source('edge/render.sh')).to.include(`API_GATEWAY:-127.0.0.1:${port('edge', 'api-gateway')}`);
    expect(source('api-gateway/ApiGateway.java')).to.include(`http://localhost:${port('api-gateway', 'frontend')}`);
    expect(source('frontend/settings.ts')).to.include(
      `'ADD_SVC_ADDR', 'http://localhost:${port('frontend', 'add-svc')}'`,
    );
    expect(source('frontend/settings.ts')).to.include(
      `'SUB_SVC_ADDR', 'http://localhost:${port('frontend', 'sub-svc')}'`,
    );
  });

  for (const { metadata, spec } of deployments) {
    describe(`Deployment ${metadata.name}`, () => {
      const pod = spec.template.spec;
      const [container] = pod.containers;

      it('has pods that its MeshService selects', () => {
        expect(meshServices.get(metadata.name)?.workloads.pods?.selector.matchLabels).to.deep.equal(
          spec.template.metadata.labels,
        );
        expect(spec.selector.matchLabels).to.deep.equal(spec.template.metadata.labels);
      });

      it('runs an image that the build makes, and that never has to be pulled', () => {
        const image = /^landbridge-sample\/([a-z-]+):dev$/.exec(container.image)?.[1];
        expect(existsSync(`${services}${image}`), container.image).to.equal(true);
        expect(container.imagePullPolicy).to.equal('IfNotPresent');
      });

      it('meets the restricted standard and holds no service account token', () => {
        expect(pod.automountServiceAccountToken).to.equal(false);
        expect(pod.securityContext).to.deep.include({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
        expect(container.securityContext).to.deep.equal({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      });

      it('gets its name and its place', () => {
        const names = container.env.map(({ name }: { name: string }) => name);
        expect(names).to.have.members(['PLATFORM', 'INSTANCE_NAME', 'HOST_NAME', 'HOST_ADDRESS']);
      });
    });
  }
});
