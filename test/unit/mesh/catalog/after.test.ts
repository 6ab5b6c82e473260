import { expect } from 'chai';
import fc from 'fast-check';
import { nodeAfter } from '../../../../mesh/catalog/after.ts';
import { diff } from '../../../../mesh/catalog/diff.ts';
import { type NodeEntry, OWNER_META, type Registration } from '../../../../mesh/catalog/entry.ts';

const OWNER = 'bridge/rack-1/vm1';

const registration = (id: string): fc.Arbitrary<Registration> =>
  fc.record({
    service: fc.record({
      ID: fc.constant(id),
      Service: fc.constantFrom('web', 'db'),
      Address: fc.constantFrom('10.0.0.1', '10.0.0.2'),
      Port: fc.constantFrom(80, 81),
      Tags: fc.constant([]),
      Meta: fc.constant({}),
    }),
    checks: fc
      .constantFrom<'passing' | 'critical'>('passing', 'critical')
      .map((Status) => [{ CheckID: `${id}/health`, Name: 'health', Status, Output: Status, ServiceID: id }]),
  });

const node: fc.Arbitrary<NodeEntry | undefined> = fc.option(
  fc.record({
    Node: fc.constant('vm.rack-1.vm1'),
    Address: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    Meta: fc.constant({ [OWNER_META]: OWNER }),
    registrations: fc
      .record({ a: registration('a'), b: registration('b'), c: registration('c') }, { requiredKeys: [] })
      .map((held) => held as Record<string, Registration>),
  }),
  { nil: undefined },
);

describe('the cached node', () => {
  it('holds what is wanted once every change of the diff is applied to it', () => {
    fc.assert(
      fc.property(node, node, (held, wanted) => {
        const { changes } = diff({ node: wanted, config: {} }, { node: held, config: {} }, OWNER);
        const after = nodeAfter(held, changes);
        expect(after).to.deep.equal(wanted);
        expect(diff({ node: wanted, config: {} }, { node: after, config: {} }, OWNER).changes).to.deep.equal([]);
      }),
    );
  });

  it('never changes what it was given', () => {
    fc.assert(
      fc.property(node, node, (held, wanted) => {
        const before = structuredClone(held);
        nodeAfter(held, diff({ node: wanted, config: {} }, { node: held, config: {} }, OWNER).changes);
        expect(held).to.deep.equal(before);
      }),
    );
  });
});
