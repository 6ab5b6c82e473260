import { expect } from 'chai';
import fc from 'fast-check';
import { type Memory, memoryBook } from '../../../../operator/catalog/memory-book.ts';

const memory = (services: string[]): Memory => ({ services, actual: { node: undefined, config: {} } });

describe('memories by the names that they are about', () => {
  it('are found as if all of them were looked through, after whatever came and went', () => {
    const node = fc.constantFrom('n1', 'n2', 'n3');
    const names = ['a', 'b', 'c'];
    const step = fc.oneof(
      fc.record({ set: node, services: fc.subarray(names) }),
      fc.record({ delete: node }),
      fc.constant({ clear: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const book = memoryBook();
        const model = new Map<string, string[]>();
        for (const one of steps) {
          if ('set' in one) {
            book.set(one.set, memory(one.services));
            model.set(one.set, one.services);
          } else if ('delete' in one) {
            book.delete(one.delete);
            model.delete(one.delete);
          } else {
            book.clear();
            model.clear();
          }
          for (const name of names) {
            const wanted = [...model].filter(([, services]) => services.includes(name)).map(([its]) => its);
            expect(book.about(name).sort()).to.deep.equal(wanted.sort());
          }
          expect([...book.all.keys()].sort()).to.deep.equal([...model.keys()].sort());
        }
      }),
    );
  });
});
