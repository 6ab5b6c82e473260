import { expect } from 'chai';
import { askedFirst, rollingOrder } from '../../../../cli/install/roll-out.ts';
import type { Step } from '../../../../cli/install/step.ts';

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

  it('asks Consul servers that were there before first, with what the bootstrap job needs and nothing else', () => {
    const labels = { 'app.kubernetes.io/component': 'bootstrap' };
    const ofJob = (kind: string, more: object = {}): Step => {
      const made = step('create', kind, 'landbridge-bootstrap');
      return { ...made, object: { ...made.object, ...more, metadata: { ...made.object.metadata, labels } } };
    };
    const job = (volumes: object[]): Step =>
      ofJob('Job', { spec: { template: { spec: { containers: [], volumes } } } });
    const others = [step('create', 'Deployment', 'operator'), step('change', 'Namespace', 'landbridge')];
    const needed = [step('create', 'PriorityClass', 'landbridge'), ofJob('ServiceAccount'), ofJob('RoleBinding')];
    const external = job([{ name: 'external-consul' }]);
    expect(askedFirst([...others, ...needed, external])).to.deep.equal([...needed, external]);
    expect(askedFirst([...others, ...needed, job([])])).to.deep.equal([]);
    expect(askedFirst([...others, { ...external, do: 'delete' }]), 'an old one that goes').to.deep.equal([]);
  });
});
