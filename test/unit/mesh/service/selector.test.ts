import { expect } from 'chai';
import type { LabelSelector } from '../../../../crds/kubernetes.ts';
import { selectorQuery, selects } from '../../../../mesh/service/selector.ts';

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];
const expression = (requirement: Requirement): LabelSelector => ({ matchExpressions: [requirement] });

describe('selects', () => {
  const labels = { app: 'web', tier: 'front' };
  const table: [LabelSelector, boolean, string][] = [
    [{ matchLabels: { app: 'web' } }, true, 'app=web'],
    [{ matchLabels: { app: 'web', tier: 'back' } }, false, 'app=web,tier=back'],
    [expression({ key: 'app', operator: 'In', values: ['a', 'web'] }), true, 'app in (a,web)'],
    [expression({ key: 'none', operator: 'In', values: ['a'] }), false, 'none in (a)'],
    [expression({ key: 'app', operator: 'NotIn', values: ['web'] }), false, 'app notin (web)'],
    [expression({ key: 'none', operator: 'NotIn', values: ['a'] }), true, 'none notin (a)'],
    [expression({ key: 'tier', operator: 'Exists' }), true, 'tier'],
    [expression({ key: 'tier', operator: 'DoesNotExist' }), false, '!tier'],
  ];
  for (const [selector, expected, query] of table) {
    it(`${query} ${expected ? 'selects' : 'does not select'} app=web,tier=front`, () => {
      expect(selects(selector, labels)).to.equal(expected);
      expect(selectorQuery(selector)).to.equal(query);
    });
  }
});
