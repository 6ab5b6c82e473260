import { expect } from 'chai';
import { rollingOrder } from '../../../cli/install/roll-out.ts';
import type { Step } from '../../../cli/install/step.ts';

describe('an upgrade', () => {
  const step = (what: Step['do'], kind: string, name: string): Step => ({
    do: what,
    object: { apiVersion: 'v1', kind, metadata: { name } },
    fields: [],
  });

  it('replaces Consul first, then the other parts one by one, and none that is new or stays', () => {
    const steps = [
      step('change', 'ConfigMap', 'consul'),
      step('change', 'Deployment', 'operator'),
      step('keep', 'Deployment', 'gateway'),
      step('change', 'StatefulSet', 'consul'),
      step('create', 'Deployment', 'edge'),
      step('change', 'Deployment', 'bridge'),
      step('delete', 'Deployment', 'old'),
    ];
    expect(rollingOrder(steps).map(({ object }) => object.metadata.name)).to.deep.equal([
      'consul',
      'operator',
      'bridge',
    ]);
  });
});
