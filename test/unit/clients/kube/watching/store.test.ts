import { expect } from 'chai';
import fc from 'fast-check';
import { createStore } from '../../../../../clients/kube/watching/store.ts';

interface Item {
  id: number;
  groups: string[];
}

const group = fc.constantFrom('a', 'b', 'c');
const key = fc.constantFrom('x/1', 'x/2', 'y/1', 'y/2');
const step = fc.oneof(
  fc.record({ key, item: fc.record({ id: fc.nat(), groups: fc.array(group, { maxLength: 4 }) }) }),
  fc.record({ key, item: fc.constant(undefined) }),
);

describe('store', () => {
  it('finds by index exactly what a scan of all values finds, after any run of sets and deletes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const store = createStore<Item, 'group'>({ group: (item) => item.groups });
        const model = new Map<string, Item>();
        for (const { key, item } of steps) {
          const previous = item ? store.set(key, item) : store.delete(key);
          expect(previous).to.equal(model.get(key));
          if (item) model.set(key, item);
          else model.delete(key);
          for (const one of ['a', 'b', 'c', 'absent']) {
            const scanned = [...model.values()].filter((value) => value.groups.includes(one));
            expect(store.by('group', one)).to.have.members(scanned);
          }
        }
        expect(store.size).to.equal(model.size);
        expect(store.keys()).to.have.members([...model.keys()]);
        expect(store.list()).to.have.members([...model.values()]);
      }),
    );
  });

  it('tells nothing about an index nobody filled', () => {
    const store = createStore<Item, 'group'>({ group: (item) => item.groups });
    expect(store.by('group', 'a')).to.deep.equal([]);
  });
});
