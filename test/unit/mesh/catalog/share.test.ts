import { expect } from 'chai';
import fc from 'fast-check';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { diff } from '../../../../mesh/catalog/diff.ts';
import type { ActualState } from '../../../../mesh/catalog/entry.ts';
import type { PodFacts } from '../../../../mesh/service/pod.ts';
import { shared } from '../../../../mesh/catalog/share.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const OWNER = 'k8s/lab/shop/sub-svc';

const pods = fc
  .uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c'), ready: fc.boolean() }), {
    selector: ({ name }) => name,
  })
  .map((facts) => facts.map(({ name, ready }) => aPodFacts(name, { ready })));
const meshService = fc
  .constantFrom('tcp' as const, 'http' as const)
  .map((protocol) => aMeshService('sub-svc', { protocol }));

const desiredOf = (service: ReturnType<typeof aMeshService>, of: PodFacts[]) =>
  desiredState({
    cluster: 'lab',
    namespace: 'shop',
    name: 'sub-svc',
    meshService: service,
    pods: of,
    formerServices: [],
  });

/** As Consul would answer: equal, and other objects. */
const readOf = ({ node, config }: ReturnType<typeof desiredOf>): ActualState =>
  structuredClone({
    node,
    config: Object.fromEntries(Object.entries(config).map(([key, entry]) => [key, { entry, modifyIndex: 7 }])),
  });

describe('a read value that is shared with the desired one', () => {
  it('means the same, and gives the same plan', () => {
    fc.assert(
      fc.property(meshService, pods, meshService, pods, (before, had, now, has) => {
        const actual = readOf(desiredOf(before, had));
        const desired = desiredOf(now, has);
        const copy = structuredClone(actual);
        expect(shared(actual, desired)).to.deep.equal(actual);
        expect(actual, 'what was given stays as it is').to.deep.equal(copy);
        expect(diff(desired, shared(actual, desired), OWNER)).to.deep.equal(diff(desired, actual, OWNER));
      }),
    );
  });

  it('holds the very objects that are desired', () => {
    const desired = desiredOf(aMeshService('sub-svc'), [aPodFacts('a'), aPodFacts('b')]);
    const held = shared(readOf(desired), desired);
    for (const [id, registration] of Object.entries(desired.node!.registrations)) {
      expect(held.node!.registrations[id]).to.equal(registration);
    }
  });
});
