import { expect } from 'chai';
import { connectKube, type KubeClient } from '../../../clients/kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeError } from '../../../clients/kube/errors.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { configMaps, namespaces, pods, type Resource } from '../../../clients/kube/resources.ts';
import { configMap, failureOf, gadgets, type Scene } from './kube-scene.ts';

function pod(name: string, namespace: string, spec: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { containers: [{ name: 'app', image: 'none' }], ...spec },
  };
}

export function objectContract(scene: Scene): void {
  let kube: KubeClient;
  let namespace: string;
  beforeEach(() => ({ kube, namespace } = scene));

  it('takes the namespace from the kubeconfig', () => {
    expect(connectKube({ kubeconfig: scene.target.kubeconfig }).namespace).to.equal('default');
    expect(connectKube({ kubeconfig: scene.target.kubeconfig, namespace: 'shop' }).namespace).to.equal('shop');
    expect(() => connectKube({ kubeconfig: scene.target.kubeconfig, context: 'nowhere' })).to.throw(
      KubeError,
      'no context "nowhere"',
    );
  });

  it('gives back what it made, and undefined for what it has not', async () => {
    const made = await kube.create(configMaps, configMap('a', namespace, { colour: 'red' }));
    expect(made.metadata.uid).to.be.a('string');
    expect(await kube.get(configMaps, 'a', namespace)).to.deep.equal(made);
    expect(await kube.get(configMaps, 'b', namespace)).to.equal(undefined);
  });

  it('refuses to make a thing twice, in a namespace that is not there, or with a version', async () => {
    const made = await kube.create(configMaps, configMap('a', namespace));
    expect(isAlreadyExists(await failureOf(kube.create(configMaps, configMap('a', namespace))))).to.equal(true);
    expect(isNotFound(await failureOf(kube.create(configMaps, configMap('a', 'nowhere'))))).to.equal(true);
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const copy = { ...made, metadata: { ...made.metadata, name: 'b' } };
    expect(await failureOf(kube.request('POST', path, { body: copy }))).to.include({ code: 500 });
  });

  it('says 404 for a kind that is not served', async () => {
    const nothing: Resource = { ...gadgets, plural: 'gizmos' };
    expect(await failureOf(kube.list(nothing))).to.include({ code: 404, reason: 'NotFound', kind: 'fix' });
  });

  it('waits for a namespace that is being deleted', async () => {
    await kube.delete(namespaces, namespace);
    const found = await kube.get(namespaces, namespace);
    expect(found?.metadata.deletionTimestamp).to.be.a('string');
    expect(await failureOf(kube.create(configMaps, configMap('a', namespace)))).to.include({
      code: 403,
      kind: 'wait',
    });
  });

  it('lists page by page as of one moment', async () => {
    for (const name of ['c', 'a', 'e', 'b', 'd']) await kube.create(configMaps, configMap(name, namespace));
    const names: string[][] = [];
    const versions = new Set<string>();
    for await (const page of kube.pages(configMaps, { namespace, limit: 2 })) {
      if (names.length === 0) await kube.create(configMaps, configMap('aa', namespace));
      names.push(page.items.map((item) => item.metadata.name));
      versions.add(page.resourceVersion);
    }
    expect(names).to.deep.equal([['a', 'b'], ['c', 'd'], ['e']]);
    expect(versions.size).to.equal(1);
  });

  it('lists built-in kinds without apiVersion and kind, custom ones with them', async () => {
    await kube.create(configMaps, configMap('a', namespace));
    await kube.create(gadgets, {
      apiVersion: 'test.landbridge.dev/v1',
      kind: 'Gadget',
      metadata: { name: 'a', namespace },
    });
    expect((await kube.list(configMaps, { namespace })).items[0]).to.not.have.any.keys('apiVersion', 'kind');
    expect((await kube.list(gadgets, { namespace })).items[0]).to.include({
      apiVersion: 'test.landbridge.dev/v1',
      kind: 'Gadget',
    });
  });

  it('lists metadata only when asked to', async () => {
    await kube.create(configMaps, configMap('a', namespace, { secret: 'much' }, { app: 'web' }));
    const { items } = await kube.list(configMaps, { namespace, metadataOnly: true });
    expect(items).to.have.length(1);
    expect(items[0]).to.not.have.property('data');
    expect(items[0]!.metadata.labels).to.deep.equal({ app: 'web' });
  });

  for (const [selector, expected] of Object.entries({
    'app=web': ['web-1', 'web-2'],
    'app==web,tier=gold': ['web-1'],
    'app!=web': ['bare', 'db'],
    'app in (web, db),tier': ['db', 'web-1'],
    'app notin (web)': ['bare', 'db'],
    '!app': ['bare'],
    'tier notin (gold),app': ['db', 'web-2'],
  })) {
    it(`selects by label with ${selector}`, async () => {
      await kube.create(configMaps, configMap('web-1', namespace, {}, { app: 'web', tier: 'gold' }));
      await kube.create(configMaps, configMap('web-2', namespace, {}, { app: 'web' }));
      await kube.create(configMaps, configMap('db', namespace, {}, { app: 'db', tier: 'tin' }));
      await kube.create(configMaps, configMap('bare', namespace));
      const { items } = await kube.list(configMaps, { namespace, labelSelector: selector });
      expect(items.map((item) => item.metadata.name)).to.deep.equal(expected);
    });
  }

  it('selects by field, and refuses a selector that makes no sense', async () => {
    for (const name of ['a', 'b']) await kube.create(configMaps, configMap(name, namespace));
    const { items } = await kube.list(configMaps, { namespace, fieldSelector: 'metadata.name=b' });
    expect(items.map((item) => item.metadata.name)).to.deep.equal(['b']);
    expect(await failureOf(kube.list(configMaps, { namespace, labelSelector: 'a=(b' }))).to.include({ code: 400 });
  });

  it('replaces an object only when nobody wrote in between', async () => {
    const made = await kube.create(configMaps, configMap('a', namespace, { colour: 'red' }));
    const changed = await kube.replace(configMaps, { ...made, data: { colour: 'blue' } });
    expect(changed['data']).to.deep.equal({ colour: 'blue' });
    expect(changed.metadata.resourceVersion).to.not.equal(made.metadata.resourceVersion);
    expect(isConflict(await failureOf(kube.replace(configMaps, { ...made, data: { colour: 'green' } })))).to.equal(
      true,
    );
    expect((await kube.get(configMaps, 'a', namespace))?.['data']).to.deep.equal({ colour: 'blue' });
  });

  it('does not count a write that changes nothing', async () => {
    const made = await kube.create(configMaps, configMap('a', namespace, { colour: 'red' }));
    const same = await kube.patchMerge(configMaps, 'a', namespace, { data: { colour: 'red' } });
    expect(same.metadata.resourceVersion).to.equal(made.metadata.resourceVersion);
  });

  it('patches by merge: null removes, a version is a precondition', async () => {
    const made = await kube.create(configMaps, configMap('a', namespace, { colour: 'red', size: 'big' }));
    const { resourceVersion } = made.metadata;
    const patched = await kube.patchMerge(configMaps, 'a', namespace, {
      metadata: { resourceVersion },
      data: { size: null, taste: 'sour' },
    });
    expect(patched['data']).to.deep.equal({ colour: 'red', taste: 'sour' });
    const late = kube.patchMerge(configMaps, 'a', namespace, {
      metadata: { resourceVersion },
      data: { colour: 'blue' },
    });
    expect(isConflict(await failureOf(late))).to.equal(true);
    expect(isNotFound(await failureOf(kube.patchMerge(configMaps, 'b', namespace, { data: {} })))).to.equal(true);
  });

  it('patches by JSON patch, and refuses one whose test does not hold', async () => {
    await kube.create(configMaps, configMap('a', namespace, { colour: 'red' }));
    const patched = await kube.patchJson(configMaps, 'a', namespace, [
      { op: 'test', path: '/data/colour', value: 'red' },
      { op: 'replace', path: '/data/colour', value: 'blue' },
      { op: 'add', path: '/metadata/labels', value: { 'landbridge.dev/a': 'b' } },
    ]);
    expect(patched['data']).to.deep.equal({ colour: 'blue' });
    expect(patched.metadata.labels).to.deep.equal({ 'landbridge.dev/a': 'b' });
    const wrong = kube.patchJson(configMaps, 'a', namespace, [{ op: 'test', path: '/data/colour', value: 'red' }]);
    expect(await failureOf(wrong)).to.include({ code: 422, kind: 'fix' });
  });

  it('writes spec and status through different paths, and counts generations by the spec', async () => {
    const gadget = { apiVersion: 'test.landbridge.dev/v1', kind: 'Gadget', metadata: { name: 'g', namespace } };
    const made = await kube.create(gadgets, { ...gadget, spec: { size: 1 }, status: { phase: 'sneaked in' } });
    expect(made).to.not.have.property('status');
    expect(made.metadata.generation).to.equal(1);
    const told = await kube.patchStatus(gadgets, 'g', namespace, { phase: 'Ready', seen: 1 });
    expect(told['status']).to.deep.equal({ phase: 'Ready', seen: 1 });
    expect(told.metadata.generation).to.equal(1);
    const grown = await kube.patchMerge(gadgets, 'g', namespace, { spec: { size: 2 }, status: { phase: 'Broken' } });
    expect(grown['status']).to.deep.equal({ phase: 'Ready', seen: 1 });
    expect(grown.metadata.generation).to.equal(2);
    const applied = await kube.applyStatus(gadgets, 'g', namespace, { phase: 'Done' });
    expect(applied['status']).to.deep.equal({ phase: 'Done', seen: 1 });
    expect(isNotFound(await failureOf(kube.applyStatus(gadgets, 'none', namespace, {})))).to.equal(true);
  });

  it('deletes at once without finalizers, and says when there was nothing', async () => {
    await kube.create(configMaps, configMap('a', namespace));
    expect(await kube.delete(configMaps, 'a', namespace)).to.equal(true);
    expect(await kube.get(configMaps, 'a', namespace)).to.equal(undefined);
    expect(await kube.delete(configMaps, 'a', namespace)).to.equal(false);
  });

  it('deletes only the object that was meant', async () => {
    const made = await kube.create(configMaps, configMap('a', namespace));
    const other = kube.delete(configMaps, 'a', namespace, { uid: '00000000-0000-0000-0000-000000000000' });
    expect(isConflict(await failureOf(other))).to.equal(true);
    await kube.patchMerge(configMaps, 'a', namespace, { data: { colour: 'blue' } });
    const stale = kube.delete(configMaps, 'a', namespace, { resourceVersion: made.metadata.resourceVersion });
    expect(isConflict(await failureOf(stale))).to.equal(true);
    expect(await kube.delete(configMaps, 'a', namespace, { uid: made.metadata.uid })).to.equal(true);
  });

  it('keeps an object with finalizers until the last one is taken off', async () => {
    const object = configMap('a', namespace);
    object.metadata.finalizers = ['landbridge.dev/one', 'landbridge.dev/two'];
    await kube.create(configMaps, object);
    expect(await kube.delete(configMaps, 'a', namespace)).to.equal(true);
    const dying = await kube.get(configMaps, 'a', namespace);
    expect(dying?.metadata.deletionTimestamp).to.match(/^\d{4}-.*Z$/);
    await kube.patchMerge(configMaps, 'a', namespace, { metadata: { finalizers: ['landbridge.dev/two'] } });
    expect(await kube.get(configMaps, 'a', namespace)).to.not.equal(undefined);
    await kube.patchMerge(configMaps, 'a', namespace, { metadata: { finalizers: null } });
    expect(await kube.get(configMaps, 'a', namespace)).to.equal(undefined);
  });

  it('lets a pod on a node go only when its kubelet has said so', async () => {
    await kube.create(pods, pod('waiting', namespace));
    await kube.delete(pods, 'waiting', namespace);
    expect(await kube.get(pods, 'waiting', namespace)).to.equal(undefined);
    const made = await kube.create(pods, pod('running', namespace, { nodeName: 'node-1' }));
    expect((made['status'] as { phase: string }).phase).to.equal('Pending');
    await kube.delete(pods, 'running', namespace);
    expect((await kube.get(pods, 'running', namespace))?.metadata.deletionTimestamp).to.be.a('string');
    await kube.delete(pods, 'running', namespace, { gracePeriodSeconds: 0 });
    expect(await kube.get(pods, 'running', namespace)).to.equal(undefined);
  });
}
