import { expect } from 'chai';
import { heldShape } from '../../../../../cli/install/shape/held-shape.ts';
import type { KubeClient } from '../../../../../clients/kube/client.ts';
import type { Resource } from '../../../../../clients/kube/resources.ts';

/** A cluster with a namespace that Helm made for `owner`, and an operator of `release`; undefined: without an operator. */
function clusterOf(owner: string, release: string | undefined): KubeClient {
  const byHelm = (name: string, of: string) => ({
    metadata: {
      name,
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': of },
    },
  });
  const get = async ({ kind }: Resource): Promise<unknown> => {
    if (kind === 'Namespace') return byHelm('landbridge', owner);
    if (kind !== 'Deployment' || release === undefined) return undefined;
    return { ...byHelm('landbridge-operator', release), spec: { template: { spec: { containers: [{ env: [] }] } } } };
  };
  return { get } as unknown as KubeClient;
}

describe('the shape of an installation', () => {
  for (const [owner, release, toHelm] of [
    ['lb', 'lb', true],
    ['platform', 'lb', false],
    ['platform', undefined, false],
  ] as const)
    it(`says that Helm would delete the namespace of release ${owner}: ${toHelm}, for an operator of ${release ?? 'none'}`, async () => {
      expect((await heldShape(clusterOf(owner, release), 'any')).namespace).to.deep.equal({ toHelm, kept: false });
    });
});
