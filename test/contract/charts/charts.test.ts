import { expect } from 'chai';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import type { KubeClient } from '../../../clients/kube/client.ts';
import type { KubeError } from '../../../clients/kube/errors.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { mutatingWebhookConfigurations, objectPath, secrets } from '../../../clients/kube/resources.ts';
import { createAuthority } from '../../../clients/pki/authority.ts';
import { NAMESPACE, OPERATOR_LEASE, SECRETS, WEBHOOK_CONFIGURATION } from '../../../mesh/installation/installation.ts';
import { keepMaterial } from '../../../operator/bootstrap/material.ts';
import { secretStore } from '../../../operator/bootstrap/secret-store.ts';
import { applyManifest as apply, resourceOf } from '../../support/kube/apply-manifest.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';
import { type Manifest, chart, everything, named, podMakers } from '../../unit/charts/objects.ts';

/** Controllers and kubelets do not run here. The tests look at the objects that the API server takes, and at rights. */
describe('The chart on a real API server', function () {
  this.timeout(120_000);
  const objects = chart() as Manifest[] & KubeObject[];
  let kube: RealKube;

  before(async () => {
    kube = await startApiServer();
    for (const object of objects) await apply(kube.client, object);
  });
  after(() => kube?.stop());

  const account = (component: string) => `system:serviceaccount:${NAMESPACE}:landbridge-${component}`;
  const as = (component: string): Promise<KubeClient> =>
    kube.clientFor({ user: account(component), groups: ['system:serviceaccounts', 'system:authenticated'] });

  it('is taken in the order given, field by field, and changes nothing when applied again', async () => {
    for (const object of objects) {
      const path = objectPath(resourceOf(object), object.metadata.name, object.metadata.namespace);
      const held = await kube.client.request<KubeObject>('GET', path);
      const again = await apply(kube.client, object);
      const of = `${object.kind} ${object.metadata.name}`;
      expect(again.metadata.resourceVersion, of).to.equal(held.metadata.resourceVersion);
    }
  });

  it('keeps the CA that the operator wrote when the chart is applied again', async () => {
    const { certPem } = await createAuthority('test', { nowMs: Date.now(), days: 1 });
    const caBundle = Buffer.from(certPem).toString('base64');
    const operator = await as('operator');
    await operator.patchJson(mutatingWebhookConfigurations, WEBHOOK_CONFIGURATION, undefined, [
      { op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: caBundle },
    ]);
    const again = (await apply(
      kube.client,
      named(objects, 'MutatingWebhookConfiguration', WEBHOOK_CONFIGURATION),
    )) as Manifest;
    expect(again['webhooks'][0].clientConfig.caBundle).to.equal(caBundle);
  });

  it('makes pods that the restricted standard lets in, and the namespace refuses another', async () => {
    const pod = (name: string, spec: object) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: NAMESPACE },
      spec,
    });
    const dryRun = (body: object) =>
      kube.client.request<KubeObject>('POST', `/api/v1/namespaces/${NAMESPACE}/pods`, {
        body,
        query: { dryRun: 'All', fieldValidation: 'Strict' },
      });
    for (const { maker, template } of podMakers(objects)) {
      const volumes = ((maker['spec'].volumeClaimTemplates ?? []) as Manifest[]).map(({ metadata }) => ({
        name: metadata.name,
        persistentVolumeClaim: { claimName: metadata.name },
      }));
      const spec = {
        restartPolicy: 'Always',
        ...template.spec,
        volumes: [...(template.spec.volumes ?? []), ...volumes],
      };
      const made = await dryRun(pod(maker.metadata.name, spec));
      expect((made['spec'] as { priority: number }).priority).to.equal(1_000_000);
    }
    const hooks = (synthesize(parseValues(everything), { hooks: true }) as Manifest[]).filter(({ metadata }) =>
      Object.keys(metadata.annotations ?? {}).includes('helm.sh/hook'),
    );
    const specs = hooks.flatMap(({ kind, spec }) =>
      kind === 'Pod' ? [spec] : kind === 'Job' ? [spec.template.spec] : [],
    );
    expect(specs, 'the test, the job before an upgrade, and the removal before and after').to.have.length(4);
    for (const spec of specs) await dryRun(pod('hook', { automountServiceAccountToken: false, ...spec }));
    const loose = pod('loose', { containers: [{ name: 'c', image: 'x' }] });
    const error = (await dryRun(loose).catch((failed: unknown) => failed)) as KubeError;
    expect(error.message).to.match(/violates PodSecurity "restricted/);
  });

  it('lets the bootstrap job make its Secrets, read and mend them, and no others', async () => {
    const store = secretStore(await as('bootstrap'), NAMESPACE);
    const input = { store, nowMs: Date.now(), bridgeAddresses: 'a.example:1' };
    const made = await keepMaterial(input);
    expect(await keepMaterial({ ...input, bridgeAddresses: 'b.example:1' })).to.deep.equal(made);
    expect((await store.read(SECRETS.bridgeAdmin))!['addresses']).to.equal('b.example:1');
    await kube.client.create(secrets, { metadata: { name: 'other', namespace: NAMESPACE }, data: {} });
    const error = (await store.read('other').catch((failed: unknown) => failed)) as KubeError;
    expect(error.reason).to.equal('Forbidden');
  });

  const may: [component: string, verb: string, what: string, namespace: string, name: string, allowed: boolean][] = [
    ['operator', 'watch', 'landbridge.dev/meshservices', '', '', true],
    ['operator', 'patch', 'landbridge.dev/meshservices', 'shop', 'sub-svc', true],
    ['operator', 'patch', 'landbridge.dev/meshservices/status', 'shop', 'sub-svc', true],
    ['operator', 'delete', 'landbridge.dev/meshservices', 'shop', 'sub-svc', false],
    ['operator', 'watch', '/pods', '', '', true],
    ['operator', 'delete', '/pods', 'shop', 'x', false],
    ['operator', 'watch', '/namespaces', '', '', true],
    ['operator', 'patch', '/secrets', 'shop', 'sub-svc-landbridge', true],
    ['operator', 'create', '/secrets', 'shop', '', true],
    ['operator', 'list', '/secrets', 'shop', '', false],
    ['operator', 'create', 'events.k8s.io/events', 'shop', '', true],
    ['operator', 'update', 'coordination.k8s.io/leases', NAMESPACE, OPERATOR_LEASE, true],
    ['operator', 'create', 'coordination.k8s.io/leases', NAMESPACE, '', true],
    ['operator', 'update', 'coordination.k8s.io/leases', 'kube-system', 'kube-scheduler', false],
    [
      'operator',
      'patch',
      'admissionregistration.k8s.io/mutatingwebhookconfigurations',
      '',
      WEBHOOK_CONFIGURATION,
      true,
    ],
    ['operator', 'patch', 'admissionregistration.k8s.io/mutatingwebhookconfigurations', '', 'another', false],
    ['bridge', 'watch', 'landbridge.dev/meshservices', '', '', true],
    ['bridge', 'patch', 'landbridge.dev/meshservices', 'shop', 'sub-svc', false],
    ['bridge', 'get', '/secrets', NAMESPACE, 'landbridge-operator', false],
    ['bridge', 'watch', '/pods', '', '', false],
    ['bootstrap', 'create', '/secrets', 'shop', '', false],
    ['bootstrap', 'list', '/secrets', NAMESPACE, '', false],
    ['consul', 'get', '/secrets', NAMESPACE, 'landbridge-consul-ca', false],
  ];
  for (const [component, verb, what, namespace, name, allowed] of may) {
    it(
      `${allowed ? 'lets' : 'does not let'} ${component} ${verb} ${what} ${name} ${namespace && `in ${namespace}`}`.trim(),
      async () => {
        const [group, resource, subresource] = what.split('/');
        const resourceAttributes = { group, resource, subresource, verb, namespace, name };
        const { status } = await kube.client.request<{ status: { allowed: boolean } }>(
          'POST',
          '/apis/authorization.k8s.io/v1/subjectaccessreviews',
          {
            body: {
              apiVersion: 'authorization.k8s.io/v1',
              kind: 'SubjectAccessReview',
              spec: { user: account(component), resourceAttributes },
            },
          },
        );
        expect(status.allowed).to.equal(allowed);
      },
    );
  }
});
