import { expect } from 'chai';
import type { Proxy } from '../../../../operator/proxies/proxy.ts';
import { refusingIndex } from '../../../../operator/proxies/refusing-index.ts';

const aProxy = (key: string, scope: string, calls: string[] | undefined): { proxy: Proxy } => ({
  proxy: { key, name: key, scope, calls },
});

describe('the proxies that refuse something', () => {
  const found = (index: ReturnType<typeof refusingIndex<{ proxy: Proxy }>>, scope: string, service: string) =>
    index.about(scope, service).map(({ proxy }) => proxy.key);

  it('are found among 10,000 others by their MeshService and by the services that they call, each once', () => {
    const index = refusingIndex<{ proxy: Proxy }>();
    for (let i = 0; i < 10_000; i += 1) index.put(aProxy(`other-${i}`, `shop/other-${i}`, [`called-${i}`]));
    index.put(aProxy('own', 'shop/web', ['db', 'web']));
    index.put(aProxy('caller', 'shop/caller', ['web', 'db']));
    index.put(aProxy('edge', 'gateways', undefined));
    expect(found(index, 'shop/web', 'web')).to.deep.equal(['own', 'caller', 'edge']);
    expect(found(index, 'shop/db', 'db')).to.deep.equal(['own', 'caller', 'edge']);
    expect(found(index, 'shop/called-7', 'called-7')).to.deep.equal(['other-7', 'edge']);
    expect(found(index, 'shop/nobody', 'nobody')).to.deep.equal(['edge']);
  });

  it('are filed again when they call others, and stay in order when they do not', () => {
    const index = refusingIndex<{ proxy: Proxy }>();
    index.put(aProxy('one', 'shop/one', ['web']));
    index.put(aProxy('two', 'shop/two', ['web']));
    index.put(aProxy('one', 'shop/one', ['web']));
    expect(found(index, 'shop/web', 'web')).to.deep.equal(['one', 'two']);
    index.put(aProxy('one', 'shop/one', ['db']));
    expect(found(index, 'shop/web', 'web')).to.deep.equal(['two']);
    expect(found(index, 'shop/db', 'db')).to.deep.equal(['one']);
    index.delete('one');
    expect(index.has('one')).to.equal(false);
    expect(found(index, 'shop/db', 'db')).to.deep.equal([]);
    expect(index.has('two')).to.equal(true);
  });
});
