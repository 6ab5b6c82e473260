import { expect } from 'chai';
import { knownNames } from '../../../../operator/reconcile/known-names.ts';
import type { MeshServiceStatus } from '../../../../crds/mesh-service.ts';
import type { Intent } from '../../../../mesh/service/desired.ts';
import { aMeshService } from '../../../support/builders.ts';

const KEY = 'shop/web';
const intent = (meshService: Intent['meshService'], formerServices: string[] = []): Intent => ({
  ...{ cluster: 'lab', namespace: 'shop', name: 'web', pods: [] },
  meshService,
  formerServices,
});
const named = (service: string) => aMeshService('web', { service });

describe('the names that a MeshService may have in Consul', () => {
  const scene = () => {
    const there = new Set([KEY]);
    return { there, names: knownNames('lab', (key) => there.has(key)) };
  };

  it('are cleared when the MeshService is gone and no walk has released it', () => {
    const { there, names } = scene();
    names.complete(KEY, intent(named('one')));
    names.complete(KEY, intent(named('two'), ['one']));
    there.clear();
    expect(names.hasAny(KEY)).to.equal(true);
    const left = names.complete(KEY, undefined);
    expect(left).to.include({ namespace: 'shop', name: 'web', meshService: undefined });
    expect(left!.formerServices).to.have.members(['one', 'two']);
  });

  const synced = (service: string, status: 'True' | 'False'): MeshServiceStatus =>
    ({ consul: { service }, conditions: [{ type: 'Synced', status }] }) as MeshServiceStatus;

  it('are cleared under the last name alone once a walk has written all under that name', () => {
    const { there, names } = scene();
    names.complete(KEY, intent(named('one')));
    names.learn(KEY, 'two', synced('two', 'True'));
    there.clear();
    expect(names.complete(KEY, undefined)!.formerServices).to.deep.equal(['two']);
  });

  it('are all cleared while no walk has written all under the last name', () => {
    const { there, names } = scene();
    names.complete(KEY, intent(named('two'), ['one']));
    names.learn(KEY, 'two', synced('two', 'False'));
    names.learn(KEY, 'two', synced('one', 'True'));
    there.clear();
    expect(names.complete(KEY, undefined)!.formerServices).to.have.members(['one', 'two']);
  });

  it('are cleared when a survey has found them', () => {
    const { there, names } = scene();
    there.clear();
    names.found(KEY, ['old']);
    expect(names.complete(KEY, undefined)!.formerServices).to.deep.equal(['old']);
  });

  it('ask for nothing more once a walk has released the MeshService', () => {
    const { there, names } = scene();
    names.complete(KEY, intent(named('one')));
    names.complete(KEY, intent(undefined, ['one']));
    names.forget(KEY);
    there.clear();
    expect(names.hasAny(KEY)).to.equal(false);
    expect(names.complete(KEY, undefined)).to.equal(undefined);
  });

  it('ask for nothing while the MeshService is there and cannot be read', () => {
    const { names } = scene();
    names.complete(KEY, intent(named('one')));
    expect(names.complete(KEY, undefined)).to.equal(undefined);
  });

  it('ask for nothing of a MeshService that nobody has met', () => {
    const { there, names } = scene();
    there.clear();
    expect(names.complete('shop/other', undefined)).to.equal(undefined);
  });
});
