import { expect } from 'chai';
import type { KubeClient } from '../../../clients/kube/client.ts';
import { configMaps } from '../../../clients/kube/resources.ts';
import { configMap, type Scene } from './kube-scene.ts';
import { gatherWatch } from './kube-watch.ts';

export function watchContract(scene: Scene): void {
  let kube: KubeClient;
  let namespace: string;
  beforeEach(() => ({ kube, namespace } = scene));

  describe('watch', () => {
    it('tells from the version of a list what happened since, in order', async () => {
      await kube.create(configMaps, configMap('old', namespace));
      const { resourceVersion } = await kube.list(configMaps, { namespace });
      await kube.create(configMaps, configMap('a', namespace));
      await kube.patchMerge(configMaps, 'a', namespace, { data: { x: '1' } });
      const watching = gatherWatch(kube, configMaps, { resourceVersion, namespace }, 4);
      await kube.delete(configMaps, 'old', namespace);
      await kube.delete(configMaps, 'a', namespace);
      const events = await watching;
      expect(events.map(({ type, object }) => `${type} ${object.metadata.name}`)).to.deep.equal([
        'ADDED a',
        'MODIFIED a',
        'DELETED old',
        'DELETED a',
      ]);
      expect(events[0]!.object).to.include({ apiVersion: 'v1', kind: 'ConfigMap' });
      const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
      expect(versions).to.deep.equal([...versions].sort((a, b) => a - b));
    });

    it('tells an object that leaves the selector as deleted and one that enters it as added', async () => {
      const labelSelector = 'app=web';
      const { resourceVersion } = await kube.list(configMaps, { namespace, labelSelector });
      await kube.create(configMaps, configMap('a', namespace));
      await kube.patchMerge(configMaps, 'a', namespace, { metadata: { labels: { app: 'web' } } });
      await kube.patchMerge(configMaps, 'a', namespace, { metadata: { labels: { app: 'db' } } });
      const events = await gatherWatch(kube, configMaps, { resourceVersion, namespace, labelSelector }, 2);
      expect(events.map(({ type }) => type)).to.deep.equal(['ADDED', 'DELETED']);
    });

    it('tells a deletion with finalizers as a change, and the end of the last finalizer as the deletion', async () => {
      const object = configMap('a', namespace);
      object.metadata.finalizers = ['landbridge.dev/one'];
      const { metadata } = await kube.create(configMaps, object);
      await kube.delete(configMaps, 'a', namespace);
      await kube.patchMerge(configMaps, 'a', namespace, { metadata: { finalizers: null } });
      const events = await gatherWatch(kube, configMaps, { resourceVersion: metadata.resourceVersion!, namespace }, 2);
      expect(events.map(({ type }) => type)).to.deep.equal(['MODIFIED', 'DELETED']);
      expect(events[0]!.object.metadata.deletionTimestamp).to.be.a('string');
    });

    it('gives metadata only when asked to', async () => {
      const { resourceVersion } = await kube.list(configMaps, { namespace });
      await kube.create(configMaps, configMap('a', namespace, { secret: 'much' }));
      const [event] = await gatherWatch(kube, configMaps, { resourceVersion, namespace, metadataOnly: true }, 1);
      expect(event!.object).to.not.have.property('data');
      expect(event!.object.metadata.name).to.equal('a');
    });

    it('answers a version from before its restart with 410 within the stream', async () => {
      const { resourceVersion } = await kube.list(configMaps, { namespace });
      await kube.create(configMaps, configMap('a', namespace));
      await scene.target.restart();
      const [event] = await gatherWatch(kube, configMaps, { resourceVersion, namespace }, 1);
      expect(event).to.deep.include({ type: 'ERROR' });
      expect(event!.object).to.include({ code: 410, reason: 'Expired' });
    });
  });
}
