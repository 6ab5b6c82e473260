import { expect } from 'chai';
import { customResourceDefinitions, meshServices, namespaces } from '../../../clients/kube/resources.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import { trafficProblems } from '../../../mesh/traffic/problems/problems.ts';
import { watchWorld } from '../../../operator/world/world.ts';
import { aMeshService } from '../../support/builders.ts';
import { type FakeKube, startFakeKube } from '../../support/fake-kube/fake-kube.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The operator's memory of an API server. */
describe('the memory of MeshServices', () => {
  let fake: FakeKube;
  const stop = new AbortController();
  before(async () => {
    fake = await startFakeKube();
    await fake.client.create(customResourceDefinitions, meshServiceCrd() as never);
    await fake.client.create(namespaces, { metadata: { name: 'shop' } });
  });
  after(async () => {
    stop.abort();
    await fake?.stop();
  });

  it('gives a walk the names that are not met and compares none with all others, which admission does', async () => {
    const caller = aMeshService('caller', { upstreams: [{ service: 'wbe', localPort: 9191 }] });
    for (const one of [caller, aMeshService('web')]) await fake.client.create(meshServices, one as never);
    const { client: kube } = fake;
    const { signal } = stop;
    const world = watchWorld({ kube, cluster: 'lab', onChange() {}, onStatus() {}, signal, log: silent });
    await world.synced();
    const said = 'no MeshService has the name "wbe", which spec.upstreams gives: calls to it fail until there is one';
    const messages = (problems: { message: string }[] = []): string[] =>
      problems.map(({ message }) => message).filter((one) => one.includes('wbe'));
    expect(messages(world.readIntent('shop/caller')?.problems)).to.deep.equal([said]);
    const [admitted] = messages(trafficProblems(caller, world.around, caller));
    expect(admitted).to.equal(`${said}; did you mean "web"?`);
  });
});
