import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { nodeImageParts, podNetworkManifest } from '../../../../lab/node-image/assemble.ts';
import { imageNames } from '../../../../lab/node-image/kubernetes-images.ts';

interface KubeObject {
  kind: string;
  metadata: { name: string };
  rules?: { resources: string[]; verbs: string[] }[];
  spec?: {
    template: {
      spec: {
        tolerations: object[];
        containers: {
          image: string;
          args?: string[];
          env: object[];
          securityContext: { privileged?: boolean; capabilities: object };
        }[];
      };
    };
  };
}

describe("the pod network of the lab's nodes", () => {
  const objects = loadAll(podNetworkManifest()) as KubeObject[];
  const daemons = objects.filter(({ kind }) => kind === 'DaemonSet');
  const named = (kind: string, name: string): KubeObject =>
    objects.find((one) => one.kind === kind && one.metadata.name === name)!;
  const engine = () => named('DaemonSet', 'kube-router').spec!.template.spec;

  it('is one file for kind, which has both its marks and two daemons', () => {
    expect(podNetworkManifest()).to.contain('would you kindly template this file');
    expect(podNetworkManifest()).to.contain('would you kindly patch this file');
    expect(daemons.map(({ metadata }) => metadata.name)).to.deep.equal(['landbridge-cni', 'kube-router']);
  });

  it('has a list of variables in each daemon, to which kind adds one', () => {
    for (const { metadata, spec } of daemons)
      expect(spec!.template.spec.containers[0]!.env, metadata.name).to.have.length.greaterThan(0);
  });

  it('names only images that the node image holds', () => {
    for (const { spec } of daemons)
      for (const { image } of spec!.template.spec.containers) expect(imageNames).to.include(image);
    expect(nodeImageParts).to.include('kube-router');
  });

  it('has kube-router as policy engine on every node, with no other of its duties', () => {
    expect(engine().tolerations).to.deep.equal([{ operator: 'Exists' }]);
    expect(engine().containers[0]!.args).to.include.members([
      '--run-firewall=true',
      '--run-router=false',
      '--run-service-proxy=false',
      '--run-loadbalancer=false',
    ]);
  });

  it('gives kube-router the rights to read what policies speak of, and to write rules of its node', () => {
    const rules = named('ClusterRole', 'kube-router').rules!;
    expect(rules.flatMap(({ resources }) => resources).sort()).to.deep.equal([
      'namespaces',
      'networkpolicies',
      'nodes',
      'pods',
    ]);
    expect(new Set(rules.flatMap(({ verbs }) => verbs))).to.deep.equal(new Set(['get', 'list', 'watch']));
    const { securityContext } = engine().containers[0]!;
    expect(securityContext.privileged).to.equal(undefined);
    expect(securityContext.capabilities).to.deep.equal({ drop: ['ALL'], add: ['NET_RAW', 'NET_ADMIN'] });
  });
});
