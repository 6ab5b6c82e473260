import { expect } from 'chai';

import { plansAfter } from '../../../../agent/state/plans-after.ts';

const plan = (service: string, localPort = 1) => ({
  service,
  protocol: 'http' as const,
  upstreams: [{ service: 'db', localPort }],
});
const on = (...services: string[]) => services.map((service) => ({ service }));

describe('the plans of a machine after an answer of the bridge', () => {
  it('are those of the answer', () => {
    expect(plansAfter([plan('a', 1)], { services: [plan('a', 2)], refused: [] }, on('a'))).to.deep.equal([
      plan('a', 2),
    ]);
  });

  it('keep the plan of a service that the answer does not speak of: its MeshService is gone', () => {
    const before = [plan('a'), plan('b')];
    expect(plansAfter(before, { services: [plan('b', 2)], refused: [] }, on('a', 'b'))).to.deep.equal([
      plan('b', 2),
      plan('a'),
    ]);
  });

  it('lose the plan of a service that is refused, or that has left this machine', () => {
    const refused = [{ service: 'a', message: 'no' }];
    expect(plansAfter([plan('a'), plan('b')], { services: [], refused }, on('a'))).to.deep.equal([]);
  });
});
