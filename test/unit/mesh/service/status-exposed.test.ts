import { expect } from 'chai';
import type { Condition } from '../../../../crds/kubernetes.ts';
import { type Intent, desiredState } from '../../../../mesh/service/desired.ts';
import { type Seen, statusOf } from '../../../../mesh/status/status.ts';
import { aMeshService } from '../../../support/builders.ts';

const SEEN = {
  ...{ podsWithoutSidecar: [], namespaceEnabled: true, external: { ready: 0, total: 0 } },
  ...{ consulDown: undefined, tokenProblem: undefined },
};

function exposed(notExposed: Seen['notExposed'], previous?: Partial<Condition>) {
  const meshService = aMeshService('web', { protocol: 'http', expose: { hosts: ['shop.example'], paths: ['/'] } });
  meshService.metadata.generation = 2;
  const before = {
    type: 'Exposed',
    status: 'True',
    reason: 'Exposed',
    message: 'As before.',
    ...previous,
  } as Condition;
  if (previous !== undefined) meshService.status = { conditions: [before] };
  const intent: Intent = {
    ...{ cluster: 'c', namespace: 'shop', name: 'web', meshService, pods: [], formerServices: [] },
  };
  const plan = { changes: [], conflicts: [] };
  const status = statusOf(intent, desiredState(intent), plan, [], { ...SEEN, notExposed }, 'now');
  return status.conditions?.find(({ type }) => type === 'Exposed');
}

describe('the condition Exposed', () => {
  it('is unknown until the edge gateway has judged what is asked for', () => {
    expect(exposed(undefined)).to.include({ status: 'Unknown', reason: 'NotJudged' });
    expect(exposed(undefined, { observedGeneration: 1 })).to.include({ status: 'Unknown', reason: 'NotJudged' });
  });

  it('is true or false by the verdict of the edge gateway', () => {
    expect(exposed('')).to.include({ status: 'True', reason: 'Exposed' });
    const refused = exposed('shop.example belongs to namespace pay');
    expect(refused).to.include({ status: 'False', message: 'shop.example belongs to namespace pay' });
  });

  it('keeps the verdict about the same spec while an operator that has just started has none', () => {
    expect(exposed(undefined, { observedGeneration: 2 })).to.include({ status: 'True', message: 'As before.' });
    const refused = { observedGeneration: 2, status: 'False', reason: 'NotExposed' } as const;
    expect(exposed(undefined, refused)).to.include({ status: 'False', message: 'As before.' });
  });
});
