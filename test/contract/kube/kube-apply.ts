import { expect } from 'chai';
import type { KubeClient } from '../../../clients/kube/client.ts';
import { isConflict } from '../../../clients/kube/errors.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { configMaps } from '../../../clients/kube/resources.ts';
import { configMap, failureOf, type Scene } from './kube-scene.ts';

export function applyContract(scene: Scene): void {
  let kube: KubeClient;
  let namespace: string;
  beforeEach(() => ({ kube, namespace } = scene));

  describe('server-side apply', () => {
    const wanted = (data: Record<string, string>): KubeObject => ({ metadata: { name: 'a', namespace }, data });
    const dataOf = async () => (await kube.get(configMaps, 'a', namespace))?.['data'];

    it('creates, changes, and removes what is no longer said, leaving what others set', async () => {
      await kube.apply(configMaps, wanted({ colour: 'red', size: 'big' }));
      await kube.patchMerge(configMaps, 'a', namespace, { data: { taste: 'sour' } });
      await kube.apply(configMaps, wanted({ colour: 'blue' }));
      expect(await dataOf()).to.deep.equal({ colour: 'blue', taste: 'sour' });
    });

    it('does not write when nothing changes', async () => {
      const first = await kube.apply(configMaps, wanted({ colour: 'red' }));
      const second = await kube.apply(configMaps, wanted({ colour: 'red' }));
      expect(second.metadata.resourceVersion).to.equal(first.metadata.resourceVersion);
    });

    it('does not take a field from another manager unless by force', async () => {
      await kube.apply(configMaps, wanted({ colour: 'red' }), { fieldManager: 'somebody' });
      const polite = kube.apply(configMaps, wanted({ colour: 'blue' }), { force: false });
      const refused = await failureOf(polite);
      expect(isConflict(refused)).to.equal(true);
      expect(refused.message).to.contain('somebody').and.to.contain('.data.colour');
      expect(await dataOf()).to.deep.equal({ colour: 'red' });
      await kube.apply(configMaps, wanted({ colour: 'red', size: 'big' }), { force: false });
      await kube.apply(configMaps, wanted({ colour: 'blue' }));
      expect(await dataOf()).to.deep.equal({ colour: 'blue' });
      expect(
        isConflict(
          await failureOf(
            kube.apply(configMaps, wanted({ colour: 'red' }), { fieldManager: 'somebody', force: false }),
          ),
        ),
      ).to.equal(true);
    });

    it('never makes the object again when it names the uid of one that is gone', async () => {
      const gone = await kube.create(configMaps, configMap('a', namespace));
      await kube.delete(configMaps, 'a', namespace);
      const late = kube.apply(configMaps, {
        ...wanted({ colour: 'red' }),
        metadata: { name: 'a', namespace, uid: gone.metadata.uid },
      });
      expect(await failureOf(late)).to.include({ code: 409 });
      expect(await kube.get(configMaps, 'a', namespace)).to.equal(undefined);
    });
  });
}
