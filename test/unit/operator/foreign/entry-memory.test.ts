import { expect } from 'chai';
import { defaults, nodeOf, scene, splitter } from './repair-scene.ts';

describe('the memory of what Consul holds', () => {
  it('asks for the one entry that the watch has told of, and for all after any other doubt', async () => {
    const { fake, catalog, byHand, read, tell, set } = await scene();
    await byHand(defaults('web', 'tcp'));
    await tell();
    fake.requests.length = 0;
    const { config, foreign } = await read('shop/web');
    expect(fake.requests).to.deep.equal(['GET /config/service-defaults/web']);
    expect(config['service-defaults/web']).to.deep.equal(await fake.consul.readConfig('service-defaults', 'web'));
    expect(foreign).to.deep.equal(['service-defaults/web']);
    await set('shop/web', defaults('web', 'http'));
    await byHand(splitter('web'));
    await tell();
    catalog.doubt(nodeOf('shop/web'));
    fake.requests.length = 0;
    expect((await read('shop/web')).foreign).to.deep.equal(['service-splitter/web']);
    expect(fake.requests).to.have.length.above(5);
  });

  it('knows by a read of one entry that it went, and keeps what it knew of the others', async () => {
    const { fake, set, read, tell } = await scene();
    await set('shop/web', splitter('web'));
    await tell();
    const before = await read('shop/web');
    const { modifyIndex } = before.config['service-splitter/web']!;
    await fake.consul.apply([{ op: 'delete-config', kind: 'service-splitter', name: 'web', modifyIndex }]);
    await tell();
    const { config, foreign } = await read('shop/web');
    expect(config).to.deep.equal({ 'service-defaults/web': before.config['service-defaults/web'] });
    expect(foreign).to.deep.equal(['service-splitter/web']);
  });

  it('asks for all when the claim is gone, since the rest may be gone as well', async () => {
    const { fake, read, tell } = await scene();
    const { modifyIndex } = (await fake.consul.readConfig('service-defaults', 'web'))!;
    await fake.consul.apply([{ op: 'delete-config', kind: 'service-defaults', name: 'web', modifyIndex }]);
    await tell();
    fake.requests.length = 0;
    expect((await read('shop/web')).config).to.deep.equal({});
    expect(fake.requests).to.include('GET /catalog/node-services/k8s.lab.shop.web');
  });

  it("begins with nothing after a MeshService that is gone for good, so an entry that came between is nobody's change", async () => {
    const { catalog, set, byHand, read } = await scene();
    await set('shop/web', splitter('web'));
    catalog.doubt(nodeOf('shop/web'));
    catalog.forget(nodeOf('shop/web'));
    expect(catalog.about('web')).to.deep.equal([]);
    await byHand(defaults('web', 'grpc'));
    expect((await read('shop/web')).foreign).to.equal(undefined);
    expect(catalog.about('web')).to.deep.equal([nodeOf('shop/web')]);
  });

  it('knows after a write of config entries what Consul holds, and asks for these entries alone', async () => {
    const { fake, set, read } = await scene();
    fake.requests.length = 0;
    await set('shop/web', defaults('web', 'grpc'));
    expect(fake.requests).to.deep.equal(['PUT /config', 'GET /config/service-defaults/web']);
    const { config } = await read('shop/web');
    const held = await fake.consul.readConfig('service-defaults', 'web');
    expect(config['service-defaults/web']).to.deep.equal(held);
    expect(fake.requests).to.have.length(3);
  });

  it('tells which entries somebody else has changed, made and removed since it was right', async () => {
    const { catalog, set, byHand, fake, read } = await scene();
    await set('shop/web', splitter('web'));
    await byHand(defaults('web', 'http2'));
    const { modifyIndex } = (await fake.consul.readConfig('service-splitter', 'web'))!;
    await fake.consul.apply([{ op: 'delete-config', kind: 'service-splitter', name: 'web', modifyIndex }]);
    await byHand({ Kind: 'service-resolver', Name: 'web', Meta: {} });
    catalog.doubt(nodeOf('shop/web'));
    expect((await read('shop/web')).foreign).to.have.members([
      'service-defaults/web',
      'service-splitter/web',
      'service-resolver/web',
    ]);
    expect((await read('shop/web')).foreign, 'of the walk after it').to.equal(undefined);
  });

  it('tells them again to the next walk when this one could not write', async () => {
    const { catalog, byHand, read, place } = await scene();
    await byHand(defaults('web', 'http2'));
    catalog.doubt(nodeOf('shop/web'));
    await read('shop/web');
    const [outcome] = await catalog.apply(place('shop/web'), [
      { op: 'set-config', entry: defaults('web', 'http'), modifyIndex: 1 },
    ]);
    expect(outcome).to.include({ ok: false });
    expect((await read('shop/web')).foreign).to.deep.equal(['service-defaults/web']);
  });

  it("calls an entry that was written again as it was nobody's change", async () => {
    const { catalog, byHand, read } = await scene();
    await byHand(defaults('web', 'tcp'));
    await byHand(defaults('web', 'http'));
    catalog.doubt(nodeOf('shop/web'));
    expect((await read('shop/web')).foreign).to.equal(undefined);
  });

  it('calls nothing foreign when Consul has lost its data', async () => {
    const { catalog, fake, read } = await scene();
    fake.lose();
    catalog.doubt(nodeOf('shop/web'));
    catalog.doubtAll();
    expect((await read('shop/web')).foreign).to.equal(undefined);
  });
});
