import { expect } from 'chai';
import { FINALIZER } from '../../../../mesh/names/names.ts';
import { type RawMeshService, asksAnew, holdMeshService } from '../../../../operator/world/held-mesh-service.ts';

const raw = (metadata: object = {}, spec: object = {}, status?: object): RawMeshService =>
  ({
    metadata: { name: 'web', namespace: 'shop', uid: 'u1', generation: 1, resourceVersion: '1', ...metadata },
    spec: { port: 8080, workloads: { pods: { selector: { matchLabels: { app: 'web' } } } }, ...spec },
    status,
  }) as unknown as RawMeshService;

describe('a MeshService as it is held', () => {
  const held = holdMeshService(raw(), undefined);

  it('keeps the spec object while the generation stays and anything else changes', () => {
    const next = holdMeshService(raw({ resourceVersion: '2' }, {}, { pods: '1/1' }), held);
    expect(next.meshService!.spec).to.equal(held.meshService!.spec);
    expect(next.meshService!.status).to.deep.equal({ pods: '1/1' });
    expect(next.meshService!.metadata.resourceVersion).to.equal('2');
  });

  it('reads the spec again at another generation, and for another object of the name', () => {
    expect(holdMeshService(raw({ generation: 2 }, { port: 9 }), held).meshService!.spec.port).to.equal(9);
    expect(holdMeshService(raw({ uid: 'u2' }, { port: 9 }), held).meshService!.spec.port).to.equal(9);
  });

  it('reads again what could not be read before', () => {
    const broken = holdMeshService(raw({}, { port: 'x'.repeat(99) }), undefined);
    expect(broken.invalid).to.match(/spec\.port/);
    expect(holdMeshService(raw(), broken).invalid).to.equal(undefined);
  });

  it('asks again when it comes, goes, is being deleted, or has another spec', () => {
    expect(asksAnew(held, undefined)).to.equal(true);
    expect(asksAnew(undefined, held)).to.equal(true);
    for (const change of [
      { uid: 'u2' },
      { generation: 2 },
      { deletionTimestamp: '2026-01-01T00:00:00Z' },
      { labels: { a: 'b' } },
      { annotations: { a: 'b' } },
    ]) {
      expect(asksAnew(holdMeshService(raw(change), held), held), JSON.stringify(change)).to.equal(true);
    }
  });

  it('asks for nothing new when the operator wrote its status or its finalizer, but when the finalizer was lost', () => {
    const marked = holdMeshService(raw({ finalizers: [FINALIZER] }), held);
    expect(asksAnew(marked, held)).to.equal(false);
    expect(asksAnew(held, marked)).to.equal(true);
    expect(asksAnew(holdMeshService(raw({ resourceVersion: '3' }, {}, { pods: '1/1' }), held), held)).to.equal(false);
  });
});
