import { expect } from 'chai';
import type { MeshService } from '../../../../crds/mesh-service.ts';
import { review } from '../../../../operator/admission/review.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

const web = aMeshService('web', { protocol: 'http', upstreams: [{ service: 'db', localPort: 9002 }] });
const db = aMeshService('db', { protocol: 'tcp' });

const reviewed = (inNamespace: MeshService[], elsewhere: MeshService[]) => {
  const request = { uid: 'u', kind: { kind: 'Pod' }, operation: 'CREATE', object: aPod('p', { app: 'web' }) };
  const settings = { image: 'envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
  const { response } = review(
    request,
    () => inNamespace,
    settings,
    () => undefined,
    (service) => elsewhere.filter(({ metadata }) => metadata.name === service),
  );
  return { text: Buffer.from(response.patch ?? '', 'base64').toString(), warnings: response.warnings };
};

describe('the variable of an upstream in a pod', () => {
  it('goes by the protocol of a MeshService of another namespace', () => {
    const { text, warnings } = reviewed([web], [db]);
    expect(text).to.include('"localhost:9002"').and.not.include('http://localhost:9002');
    expect(warnings).to.equal(undefined);
  });

  it('is written for the protocol of the caller where no MeshService is known, with a warning', () => {
    const { text, warnings } = reviewed([web], []);
    expect(text).to.include('http://localhost:9002');
    expect(warnings?.[0]).to.match(/no MeshService that is known here has the name db.*apply its MeshService first/);
  });

  const lost = (namespace: string, reason = 'NameOwnedByAnother'): MeshService => {
    const one = aMeshService('db', { protocol: 'http' });
    const message = 'the name "db" in Consul belongs to another';
    const lastTransitionTime = '2026-01-01T00:00:00Z';
    return {
      ...one,
      metadata: { ...one.metadata, namespace },
      status: { conditions: [{ type: 'Synced', status: 'False', reason, message, lastTransitionTime }] },
    };
  };
  const holder: MeshService = { ...db, status: { consul: { service: 'db', node: 'k8s.lab.shop.db' } } };

  for (const [where, inNamespace, elsewhere] of [
    ['of another namespace that came first', [web], [lost('evil'), holder]],
    ['of another namespace that came later', [web], [holder, lost('evil')]],
    ['of the own namespace', [web, lost('shop')], [lost('shop'), holder]],
    ['that found instances under the name', [web], [lost('evil', 'NameInUse'), holder]],
  ] as const)
    it(`does not go by a MeshService ${where} and does not hold the name`, () => {
      const { text } = reviewed([...inNamespace], [...elsewhere]);
      expect(text).to.include('"localhost:9002"').and.not.include('http://localhost:9002');
    });

  it('goes by no MeshService that has lost the name to another cluster, and a warning says so', () => {
    const { text, warnings } = reviewed([web, lost('shop')], [lost('shop'), lost('evil')]);
    expect(text).to.include('http://localhost:9002');
    expect(warnings?.[0]).to.match(/no MeshService that is known here has the name db/);
  });
});
