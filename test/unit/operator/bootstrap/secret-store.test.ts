import { expect } from 'chai';
import { keepSecret } from '../../../../operator/bootstrap/keep-secret.ts';
import { type SecretStore, secretStore } from '../../../../operator/bootstrap/secret-store.ts';
import { type FakeKube, startFakeKube } from '../../../support/fake-kube/fake-kube.ts';

const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'landbridge' } };

describe('Secrets of the installation', () => {
  let kube: FakeKube;
  let store: SecretStore;

  before(async () => {
    kube = await startFakeKube({ objects: [namespace] });
    store = secretStore(kube.client, 'landbridge');
  });
  after(() => kube.stop());

  it('read back as they were written, and undefined when they are missing', async () => {
    expect(await store.create('a', { text: 'grüße', 'pem.crt': '-----\n' })).to.equal(true);
    expect(await store.read('a')).to.deep.equal({ text: 'grüße', 'pem.crt': '-----\n' });
    expect(await store.read('none')).to.equal(undefined);
  });

  it('are never overwritten by a second create', async () => {
    expect(await store.create('b', { one: '1' })).to.equal(true);
    expect(await store.create('b', { one: '2', two: '2' })).to.equal(false);
    expect(await store.read('b')).to.deep.equal({ one: '1' });
  });

  it('keep their other keys when one is patched', async () => {
    await store.create('c', { one: '1', two: '2' });
    await store.patch('c', { two: 'two' });
    expect(await store.read('c')).to.deep.equal({ one: '1', two: 'two' });
  });

  it('are those of the run that created them first, mended by the other', async () => {
    const [make, mend] = [() => ({ key: 'ours' }), () => ({ note: 'new' })];
    await store.create('d', { key: 'theirs', note: 'old' });
    const late: SecretStore = { ...store, read: async (name) => (late.read = store.read) && void name };
    expect(await keepSecret(late, { name: 'd', make, mend })).to.deep.equal({ key: 'theirs', note: 'new' });
    expect(await store.read('d')).to.deep.equal({ key: 'theirs', note: 'new' });
  });

  it('are not written when they need no mending', async () => {
    await store.create('e', { key: 'same' });
    kube.requests.length = 0;
    await keepSecret(store, { name: 'e', make: () => ({}), mend: () => ({ key: 'same' }) });
    expect(kube.requests.map(({ method }) => method)).to.deep.equal(['GET']);
  });
});
