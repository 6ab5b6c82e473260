import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { kindConfig, readNodes, withServer } from '../../../../lab/cluster/cluster.ts';
import { workersIn } from '../../../../lab/cluster/load-images.ts';

describe("the lab's cluster", () => {
  it('is described by its nodes', () => {
    const node = (name: string, labels: object, address: string, podCIDR: string): object => ({
      metadata: { name, labels },
      spec: { podCIDR },
      status: {
        addresses: [
          { type: 'Hostname', address: name },
          { type: 'InternalIP', address },
        ],
      },
    });
    const items = [
      node('control', { 'node-role.kubernetes.io/control-plane': '' }, '10.89.0.2', '10.244.0.0/24'),
      node('worker', {}, '10.89.0.3', '10.244.1.0/24'),
    ];
    expect(readNodes(JSON.stringify({ items }))).to.deep.equal([
      { name: 'control', role: 'control-plane', address: '10.89.0.2', podCidr: '10.244.0.0/24' },
      { name: 'worker', role: 'worker', address: '10.89.0.3', podCidr: '10.244.1.0/24' },
    ]);
  });

  it('has two workers', () => {
    expect(workersIn(readFileSync(kindConfig, 'utf8'))).to.equal(2);
    expect(workersIn('kind: Cluster\nnodes:\n  - role: control-plane\n')).to.equal(0);
  });

  it('is reached from the host by an address, where its name is known on the network of the nodes only', () => {
    const kubeconfig =
      'clusters:\n- cluster:\n    server: https://landbridge-control-plane:6443\n  name: kind-landbridge\n';
    expect(withServer(kubeconfig, 'landbridge-control-plane', '10.89.0.2')).to.contain(
      'server: https://10.89.0.2:6443\n',
    );
    expect(() => withServer(kubeconfig, 'other', '10.89.0.2')).to.throw('does not name other');
  });
});
