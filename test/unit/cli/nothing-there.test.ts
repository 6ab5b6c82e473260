import { expect } from 'chai';
import { nothingAnywhere, nothingThere } from '../../../cli/nothing-there.ts';
import type { KubeClient } from '../../../clients/kube/client.ts';
import { KubeError } from '../../../clients/kube/errors.ts';
import type { Resource } from '../../../clients/kube/resources.ts';

const HELD = ['shop/frontend', 'shop/add-svc', 'bank/ledger', 'park/ledger'].map((key) => {
  const [namespace, name = ''] = key.split('/');
  return { metadata: { name, namespace } };
});
const SPACES = ['bank', 'default', 'park', 'shop'].map((name) => ({ metadata: { name } }));

/** The sentence for a name in a namespace; `may`: the lists that the user has a right to. */
const told = (namespace: string, name?: string, may: string[] = ['meshservices', 'namespaces']) =>
  nothingThere(
    {
      namespace,
      async list({ plural }: Resource) {
        if (!may.includes(plural))
          throw new KubeError({ code: 403, reason: 'Forbidden', kind: 'fix', message: 'you may not' });
        return { items: plural === 'namespaces' ? SPACES : HELD, resourceVersion: '1' };
      },
    } as unknown as KubeClient,
    name,
  );

describe('the answer of a command that finds no MeshService', () => {
  it('names the namespaces that have the name, and the flag to give', async () => {
    expect(await told('default', 'frontend')).to.equal(
      'no MeshService frontend in namespace default: it is in namespace shop, so give -n shop',
    );
    expect(await told('default', 'ledger')).to.equal(
      'no MeshService ledger in namespace default: it is in namespaces bank, park, so give -n one of these',
    );
  });

  it('says that the namespace does not exist, and the near name', async () => {
    for (const name of ['frontend', undefined])
      expect(await told('shpo', name)).to.equal('there is no namespace "shpo"; did you mean "shop"?');
    expect(await told('warehouse')).to.equal(
      'there is no namespace "warehouse": MeshServices are in namespaces bank, park, shop, so give -n one of these',
    );
  });

  it('suggests a near name of the same namespace, or says where all are', async () => {
    expect(await told('shop', 'fronted')).to.equal(
      'no MeshService fronted in namespace shop; did you mean "frontend"?',
    );
    expect(await told('shop', 'x')).to.equal('no MeshService x in namespace shop: landbridge status -A lists all');
  });

  it('names the namespaces that have any, where the namespace has none', async () => {
    expect(await told('default')).to.equal(
      'no MeshService in namespace default: there are some in namespaces bank, park, shop, so give -n one of these',
    );
  });

  it('leaves out what the user may not list', async () => {
    expect(await told('shpo', 'frontend', [])).to.equal(
      'no MeshService frontend in namespace shpo: landbridge status -A lists all',
    );
    expect(await told('shpo', 'frontend', ['meshservices'])).to.include('it is in namespace shop');
  });

  it('has a sentence for all namespaces at once', () => {
    expect(nothingAnywhere('legder', HELD)).to.equal('no MeshService legder in any namespace; did you mean "ledger"?');
    expect(nothingAnywhere(undefined, [])).to.include('no MeshService in any namespace');
  });
});
