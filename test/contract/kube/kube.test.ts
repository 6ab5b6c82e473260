import { customResourceDefinitions, namespaces } from '../../../clients/kube/resources.ts';
import { startFakeKube } from '../../support/fake-kube/fake-kube.ts';
import { startApiServer } from '../../support/real/kube.ts';
import { applyContract } from './kube-apply.ts';
import { loopContract } from './kube-loops.ts';
import { objectContract } from './kube-objects.ts';
import { gadgetDefinition, gadgets, type Scene, type Target } from './kube-scene.ts';
import { watchContract } from './kube-watches.ts';
import { until } from './kube-watch.ts';

const targets: Record<string, () => Promise<Target>> = { fake: startFakeKube, real: startApiServer };

for (const [name, start] of Object.entries(targets)) {
  describe(`Kubernetes API, ${name}`, function () {
    this.timeout(90_000);
    const scene = {} as Scene;
    let count = 0;

    before(async () => {
      scene.target = await start();
      scene.kube = scene.target.client;
      await scene.kube.create(customResourceDefinitions, gadgetDefinition);
      const served = () =>
        scene.kube.list(gadgets).then(
          () => true,
          () => undefined,
        );
      await until('the custom resource is served', served);
    });

    after(() => scene.target?.stop());

    beforeEach(async () => {
      scene.namespace = `case-${++count}`;
      await scene.kube.create(namespaces, { metadata: { name: scene.namespace } });
    });

    objectContract(scene);
    applyContract(scene);
    watchContract(scene);
    loopContract(scene);
  });
}
