import { expect } from 'chai';
import type { Container, Pod, PodSpec } from '../../../../crds/kubernetes.ts';
import { leftoverOperations } from '../../../../mesh/inject/leftover.ts';
import { applied } from '../../../../mesh/inject/operations.ts';
import { injected } from '../../../../mesh/inject/patch.ts';
import { SIDECAR_USER } from '../../../../mesh/inject/user.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const web = aMeshService('web', { protocol: 'http', upstreams: [{ service: 'target', localPort: 9301 }] });
/** As a ReplicaSet makes it. */
const replaced = (pod: Pod): Pod => ({
  ...pod,
  metadata: {
    ...pod.metadata,
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }],
  },
});
const after = (spec: Partial<PodSpec>, meshService = web, settings: Parameters<typeof injected>[2] = SETTINGS) =>
  injected(replaced(aPod('p', { app: 'web' }, spec)), meshService, settings, () => 'http').spec;
const app = (fields: Partial<Container> = {}): Container => ({ name: 'app', image: 'app:1', ...fields });

describe('variables', () => {
  it('stand before the variables that refer to them', () => {
    const own = { name: 'TARGET_URL', value: '$(TARGET_ADDR)/api/v1' };
    const { containers, initContainers } = after({
      containers: [app({ env: [own] })],
      initContainers: [app({ name: 'migrate', env: [own] })],
    });
    for (const { env } of [containers[0]!, initContainers![1]!])
      expect(env).to.deep.equal([{ name: 'TARGET_ADDR', value: 'http://localhost:9301' }, own]);
  });
});

describe('resources of the pod as a whole', () => {
  it('grow by those of the sidecar', () => {
    const { resources } = after({
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '500m', memory: '256Mi' } },
    });
    expect(resources).to.deep.equal({
      requests: { cpu: '110m', memory: '160Mi' },
      limits: { cpu: '510m', memory: '512Mi' },
    });
  });

  it('stay unsaid where the pod does not say them', () => {
    expect(after({ resources: { requests: { 'hugepages-2Mi': '4Mi', cpu: '1' } } }).resources).to.deep.equal({
      requests: { 'hugepages-2Mi': '4Mi', cpu: '1010m' },
    });
    expect(after({})).not.to.have.property('resources');
  });

  it('grow by the limit of a sidecar that only has a limit, which then is its request', () => {
    const limited = aMeshService('web', { proxy: { resources: { requests: {}, limits: { memory: '64Mi' } } } });
    expect(after({ resources: { requests: { cpu: '1', memory: '1Gi' } } }, limited).resources).to.deep.equal({
      requests: { cpu: '1', memory: '1088Mi' },
    });
  });
});

describe('the volume with the Secret', () => {
  it('leaves a volume of the app alone that has its name', () => {
    const own = { name: 'landbridge', emptyDir: {} };
    const { volumes, initContainers } = after({ volumes: [own] });
    expect(volumes).to.deep.equal([
      own,
      { name: 'landbridge-2', secret: { secretName: 'web-landbridge', defaultMode: 0o444 } },
    ]);
    expect(initContainers![0]!.volumeMounts).to.deep.equal([
      { name: 'landbridge-2', mountPath: '/etc/landbridge', readOnly: true },
    ]);
  });
});

describe('the user of the sidecar', () => {
  const userOf = (spec: Partial<PodSpec>) =>
    (after(spec).initContainers![0]!.securityContext as { runAsUser: number }).runAsUser;

  it('is not the nonroot of distroless images, and meets the restricted standard', () => {
    expect(userOf({})).to.equal(SIDECAR_USER);
    expect(SIDECAR_USER).not.to.be.oneOf([0, 1000, 1001, 65532, 65534]);
    expect(after({}).initContainers![0]!.securityContext).to.deep.include({
      runAsNonRoot: true,
      runAsGroup: SIDECAR_USER,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('is another when something in the pod says to run as the same', () => {
    const same = { securityContext: { runAsUser: SIDECAR_USER } };
    expect(userOf(same)).to.equal(SIDECAR_USER + 1);
    expect(
      userOf({ containers: [app(same)], initContainers: [app({ securityContext: { runAsUser: SIDECAR_USER + 1 } })] }),
    ).to.equal(SIDECAR_USER + 2);
  });
});

describe('an app that is to end', () => {
  const hook = (spec: Partial<PodSpec>, meshService = web, settings = {}) =>
    after(spec, meshService, { ...SETTINGS, ...settings }).containers.map(({ lifecycle }) => lifecycle);
  const sleep = (seconds: number) => ({ preStop: { sleep: { seconds } } });

  it('runs on while its callers hear of it', () => {
    expect(hook({ containers: [app(), app({ name: 'two' })] })).to.deep.equal([sleep(5), sleep(5)]);
  });

  it('keeps a hook of its own, and any other', () => {
    const own = { preStop: { exec: { command: ['sleep', '1'] } } };
    const postStart = { exec: { command: ['true'] } };
    expect(hook({ containers: [app({ lifecycle: own }), app({ lifecycle: { postStart } })] })).to.deep.equal([
      own,
      { postStart, ...sleep(5) },
    ]);
  });

  it('runs on as long as the MeshService says, and for half of its grace period at most', () => {
    const of = (stopDelay: string) => aMeshService('web', { proxy: { stopDelay } });
    expect(hook({}, of('12s'))).to.deep.equal([sleep(12)]);
    expect(hook({}, of('40s'))).to.deep.equal([sleep(15)]);
    expect(hook({ terminationGracePeriodSeconds: 5 })).to.deep.equal([sleep(2)]);
    expect(hook({ terminationGracePeriodSeconds: 2 })).to.deep.equal([sleep(1)]);
    // The API server takes a negative one, counts it as 1, and refuses a hook that is longer.
    for (const terminationGracePeriodSeconds of [0, 1, -1, -30])
      expect(hook({ terminationGracePeriodSeconds })).to.deep.equal([undefined]);
    expect(hook({}, of('0s'))).to.deep.equal([undefined]);
  });

  it('ends at once where nobody calls it, where it runs once, and where the API server knows no such hook', () => {
    expect(hook({}, aMeshService('web', { port: undefined }))).to.deep.equal([undefined]);
    for (const restartPolicy of ['Never', 'OnFailure']) expect(hook({ restartPolicy })).to.deep.equal([undefined]);
    expect(hook({}, web, { sleepHooks: false })).to.deep.equal([undefined]);
  });

  it('ends at once where nobody replaces its pod; a template stands for pods that are replaced', () => {
    const alone = aPod('p', { app: 'web' });
    expect(injected(alone, web, SETTINGS, () => 'http').spec.containers[0]).not.to.have.property('lifecycle');
    const { metadata, spec } = alone;
    expect(injected({ metadata, spec }, web, SETTINGS, () => 'http').spec.containers[0]!.lifecycle).to.deep.equal(
      sleep(5),
    );
  });

  it('has no hook of ours once a copy of its pod is stripped, and keeps a hook of its own', () => {
    const template = (spec: object) => {
      const { metadata, spec: held } = aPod('p', { app: 'web' }, spec);
      return { metadata, spec: held };
    };
    const own = { preStop: { exec: { command: ['true'] } } };
    const before = template({ containers: [app(), app({ name: 'two', lifecycle: own })] });
    const copy = injected(before, web, SETTINGS, () => 'http');
    expect(copy.spec.containers[0]!.lifecycle).to.deep.equal(sleep(5));
    expect(applied(copy, leftoverOperations(copy)).spec.containers).to.deep.equal(before.spec.containers);
    const again = injected(copy, aMeshService('web', { proxy: { stopDelay: '0s' } }), SETTINGS, () => 'http');
    expect(again.spec.containers.map(({ lifecycle }) => lifecycle)).to.deep.equal([undefined, own]);
  });

  it('runs on in containers, not in init containers', () => {
    const { initContainers } = after({ initContainers: [app({ name: 'own', restartPolicy: 'Always' })] });
    expect(initContainers!.map(({ lifecycle }) => lifecycle)).to.deep.equal([undefined, undefined]);
  });
});
