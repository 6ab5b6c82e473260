import { expect } from 'chai';
import { sameImages } from '../../../../../cli/install/shape/same-images.ts';
import type { Step } from '../../../../../cli/install/step.ts';

function step(what: Step['do'], kind: string, name: string, image: string, fields: string[] = []): Step {
  const spec = { template: { spec: { containers: [{ name: 'app', image }] } } };
  const object = { kind, metadata: { name, namespace: 'landbridge' }, spec };
  return { do: what, object, fields };
}
const OURS = 'landbridge/landbridge:0.2.0';

describe('an upgrade', () => {
  it('names the parts whose pods stay since the names of their images do, and how to replace them', () => {
    const steps = [
      step('keep', 'Deployment', 'landbridge-operator', OURS),
      step('change', 'Deployment', 'landbridge-bridge', OURS, ['/metadata/labels/x', '/spec/replicas']),
      step('keep', 'StatefulSet', 'landbridge-consul-server', 'hashicorp/consul:1.22.6'),
    ];
    const names = 'deployment/landbridge-operator deployment/landbridge-bridge statefulset/landbridge-consul-server';
    expect(sameImages(steps)).to.equal(
      `pods of ${names.replaceAll(' ', ', ')} stay as they are, since their images have the names of before (hashicorp/consul:1.22.6, ${OURS}). Where one was built again under its name: kubectl -n landbridge rollout restart ${names}`,
    );
  });

  it('says nothing of parts that are made, replaced or removed, of digests, and of other objects', () => {
    expect(
      sameImages([
        step('create', 'Deployment', 'a', OURS),
        step('change', 'Deployment', 'b', OURS, ['/spec/template/spec/containers/0/image']),
        step('delete', 'Deployment', 'c', OURS),
        step('keep', 'Deployment', 'd', `${OURS}@sha256:0123`),
        step('keep', 'Job', 'e', OURS),
      ]),
    ).to.equal(undefined);
  });
});
