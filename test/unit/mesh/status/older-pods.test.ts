import { expect } from 'chai';
import { injected } from '../../../../mesh/inject/patch.ts';
import type { Intent } from '../../../../mesh/service/desired.ts';
import { desiredState } from '../../../../mesh/service/desired.ts';
import { podFacts } from '../../../../mesh/service/pod.ts';
import { statusOf } from '../../../../mesh/status/status.ts';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
type Upstreams = MeshServiceSpecInput['upstreams'];
const add = { service: 'add-svc', localPort: 9191 };
const ledger = { service: 'ledger', localPort: 9292 };

/** A pod as the webhook makes it of a MeshService with these upstreams. */
const madeWith = (name: string, upstreams: Upstreams, owner = true) => {
  const pod = injected(
    aPod(name, { app: 'web', 'pod-template-hash': '7f' }),
    aMeshService('web', { upstreams }),
    SETTINGS,
    () => 'http',
  );
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7f', uid: 'u', controller: true }];
  return podFacts({ ...pod, metadata: { ...pod.metadata, ...(owner ? { ownerReferences } : {}) } });
};

const injectedOf = (upstreams: Upstreams, pods: Intent['pods']) => {
  const meshService = aMeshService('web', { upstreams });
  const intent = { cluster: 'c', namespace: 'shop', name: 'web', meshService, pods, formerServices: [] };
  const seen = {
    ...{ podsWithoutSidecar: [], namespaceEnabled: true, external: { ready: 0, total: 0 } },
    ...{ consulDown: undefined, tokenProblem: undefined },
  };
  const status = statusOf(intent, desiredState(intent), { changes: [], conflicts: [] }, [], seen, 'now');
  return status.conditions?.find(({ type }) => type === 'Injected');
};

describe('pods that are older than an upstream', () => {
  it('are counted, with the variable that they lack and the command that makes them again', () => {
    const found = injectedOf([add, ledger], [madeWith('web-1', [add]), madeWith('web-2', [add, ledger])]);
    expect(found).to.include({ status: 'False', reason: 'PodsWithoutVariable' });
    expect(found?.message).to.equal(
      '1 of 2 pods, for example web-1, were made before spec.upstreams was as it is now, without LEDGER_ADDR (ledger). To have the app find it: kubectl -n shop rollout restart deployment/web',
    );
  });

  it('are not counted once they were replaced, or while they end', () => {
    expect(injectedOf([add, ledger], [madeWith('web-2', [add, ledger])])).to.include({ status: 'True' });
    const ending = { ...madeWith('web-1', [add]), terminating: true };
    expect(injectedOf([add, ledger], [ending, madeWith('web-2', [add, ledger])])).to.include({ status: 'True' });
    const done = { ...madeWith('web-1', []), finished: true };
    expect(injectedOf([add], [done, madeWith('web-2', [add])])).to.include({ status: 'True' });
  });

  it('are pods without any variable, and those of a variable with another name', () => {
    expect(injectedOf([add], [madeWith('web-1', [], false)])?.message).to.equal(
      'Its pod was made before spec.upstreams was as it is now, without ADD_SVC_ADDR (add-svc). To have the app find it: delete pod/web-1 and apply it again, since no controller does',
    );
    expect(injectedOf([{ ...add, env: 'ADDER' }], [madeWith('web-1', [add])])?.message).to.contain('ADDER (add-svc)');
  });

  it('are not counted when an upstream goes, or gives no variable', () => {
    expect(injectedOf([], [madeWith('web-1', [add])])).to.include({ status: 'True' });
    expect(injectedOf([add, { ...ledger, env: '' }], [madeWith('web-1', [add])])).to.include({ status: 'True' });
  });
});
