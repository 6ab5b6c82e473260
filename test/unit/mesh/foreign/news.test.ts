import { expect } from 'chai';
import { isNews } from '../../../../mesh/foreign/news.ts';

const seen = (index: number, at?: number) => ({ index, entries: new Map(at === undefined ? [] : [['web', at]]) });

describe('an answer of Consul is news', () => {
  const cases: [string, number | undefined, number | undefined, ReturnType<typeof seen>, boolean][] = [
    ['when somebody made it', undefined, undefined, seen(7, 7), true],
    ['when somebody changed it', 5, undefined, seen(7, 7), true],
    ['when somebody removed it', 5, undefined, seen(7), true],
    ['when somebody made it after we removed ours', undefined, 5, seen(9, 9), true],
    ['when somebody removed it and made it again', 5, undefined, seen(9, 9), true],
    ['when somebody was quicker than our look at what we wrote', 0, undefined, seen(7, 7), true],
    ['not when it is as it was', 7, undefined, seen(9, 7), false],
    ['not when the answer is older than our write', 7, undefined, seen(6, 5), false],
    ['not when the answer is older than what we made', 7, undefined, seen(6), false],
    ['not when it still shows what we removed', undefined, 5, seen(6, 5), false],
    ['not when it is there neither way', undefined, undefined, seen(6), false],
  ];
  for (const [what, held, removed, told, expected] of cases) {
    it(what, () => expect(isNews({ held, removed }, told, 'web')).to.equal(expected));
  }
});
