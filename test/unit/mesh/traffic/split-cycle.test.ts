import { expect } from 'chai';
import { type MeshService, consulName } from '../../../../crds/mesh-service.ts';
import { splitCycle } from '../../../../mesh/traffic/problems/split-cycle.ts';
import { aMeshService } from '../../../support/builders.ts';

const splitsInto = (name: string, services: string[]): MeshService =>
  aMeshService(name, {
    protocol: 'http',
    ...(services.length === 0 ? {} : { traffic: { split: services.map((service) => ({ weight: 1, service })) } }),
  });

function found(start: string, all: MeshService[]) {
  const byName = new Map(all.map((each) => [consulName(each), each]));
  let asked = 0;
  const named = (service: string): MeshService[] => {
    asked += 1;
    return [byName.get(service) ?? []].flat();
  };
  const problems = splitCycle(byName.get(start)!, { cluster: 'lab', named, joining: () => [] });
  return { messages: problems.map(({ message }) => message.replace(/[.] Let one.*/, '')), asked };
}

describe('splits that lead into each other', () => {
  it('are refused when they come back, with the way they take', () => {
    const all = [splitsInto('a', ['x', 'b']), splitsInto('b', ['c']), splitsInto('c', ['a']), splitsInto('x', [])];
    expect(found('a', all).messages).to.deep.equal(['splits go round in a circle: a -> b -> c -> a']);
    expect(found('x', all).messages).to.deep.equal([]);
  });

  it('are not refused for a circle among others, nor for what is not there', () => {
    const all = [splitsInto('a', ['b', 'gone']), splitsInto('b', ['c']), splitsInto('c', ['b'])];
    expect(found('a', all).messages).to.deep.equal([]);
  });

  it('cost one look at each service, however many ways lead there', () => {
    const layers = 12;
    const width = 16;
    const layer = (n: number) => Array.from({ length: width }, (_, index) => `l${n}-${index}`);
    const all = [splitsInto('start', layer(0))];
    for (let n = 0; n < layers; n += 1)
      for (const name of layer(n)) all.push(splitsInto(name, n + 1 === layers ? [] : layer(n + 1)));
    const { messages, asked } = found('start', all);
    expect(messages).to.deep.equal([]);
    expect(asked).to.equal(layers * width);
  });

  it('go round a circle of thousands without running out of stack', () => {
    const count = 5000;
    const all = Array.from({ length: count }, (_, n) => splitsInto(`s${n}`, [`s${(n + 1) % count}`]));
    expect(found('s0', all).messages[0]).to.equal(
      'splits go round in a circle: s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> ... -> s4999 -> s0',
    );
  });
});
