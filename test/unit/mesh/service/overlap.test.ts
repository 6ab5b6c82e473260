import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { olderFirst, rivalsOf } from '../../../../mesh/service/overlap.ts';
import { review } from '../../../../operator/admission/review.ts';
import { validate } from '../../../../operator/admission/validate.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

type Selector = NonNullable<MeshServiceSpecInput['workloads']['pods']>['selector'];
const selecting = (name: string, selector: Selector, creationTimestamp = '2026-01-01T00:00:00Z') =>
  aMeshService(name, { workloads: { pods: { selector } } }, { creationTimestamp });
const around = { cluster: 'lab', named: () => [], joining: () => [] };

describe('two MeshServices', () => {
  const pairs: [string, Selector, Selector, Record<string, string>[], boolean][] = [
    ['of one selector', { matchLabels: { app: 'a' } }, { matchLabels: { app: 'a' } }, [], true],
    ['of which one asks for more', { matchLabels: { app: 'a' } }, { matchLabels: { app: 'a', tier: 'x' } }, [], true],
    [
      'that ask for two values of a label',
      { matchLabels: { app: 'a' } },
      { matchLabels: { app: 'b' } },
      [{ app: 'a' }],
      false,
    ],
    [
      'of different labels, with a pod that has both',
      { matchLabels: { app: 'a' } },
      { matchLabels: { tier: 'x' } },
      [{ app: 'a', tier: 'x' }],
      true,
    ],
    [
      'of different labels, with no such pod',
      { matchLabels: { app: 'a' } },
      { matchLabels: { tier: 'x' } },
      [{ app: 'a' }],
      false,
    ],
    [
      'by expressions, with a pod of both',
      { matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'b'] }] },
      { matchLabels: { app: 'a' } },
      [{ app: 'a' }],
      true,
    ],
  ];
  for (const [words, left, right, pods, expected] of pairs) {
    it(`${words} ${expected ? 'select the same pods' : 'are kept apart'}`, () => {
      const [a, b] = [selecting('a', left), selecting('b', right)];
      expect(rivalsOf(a, [a, b], (one) => (one === a ? pods : [])).map(({ metadata }) => metadata.name)).to.deep.equal(
        expected ? ['b'] : [],
      );
    });
  }

  it('are sorted by age, and by name when made at once; one without a creation time is the youngest', () => {
    const made = [
      selecting('new', {}, '2026-02-01T00:00:00Z'),
      aMeshService('coming'),
      selecting('b', {}),
      selecting('a', {}),
    ];
    expect(made.sort(olderFirst).map(({ metadata }) => metadata.name)).to.deep.equal(['a', 'b', 'new', 'coming']);
  });

  it('are named in a warning to who makes the second, and nothing is refused', () => {
    const first = selecting('target', { matchLabels: { app: 'target' } });
    const second = aMeshService('target-grpc', {
      workloads: { pods: { selector: { matchLabels: { app: 'target' } } } },
    });
    const request = { uid: 'u', kind: { kind: 'MeshService' }, namespace: 'shop', operation: 'CREATE', object: second };
    const answer = validate(request, around, undefined, () => [first]);
    expect(answer).to.deep.include({ allowed: true });
    expect(answer.warnings?.join()).to.match(/target, the older, has them; narrow the selector of target-grpc/);
  });

  it('are named in a warning to who makes a pod by hand, which is of the older', () => {
    const services = [
      selecting('young', { matchLabels: { app: 'p' } }, '2026-02-01T00:00:00Z'),
      selecting('old', { matchLabels: { app: 'p' } }),
    ];
    const request = {
      uid: 'u',
      kind: { kind: 'Pod' },
      namespace: 'shop',
      operation: 'CREATE',
      object: aPod('p', { app: 'p' }),
    };
    const settings = { image: 'x', imagePullPolicy: 'Always' } as const;
    const { response } = review(
      request,
      () => services,
      settings,
      () => undefined,
    );
    expect(response.allowed).to.equal(true);
    expect(response.warnings?.join()).to.contain('old, the older, has them');
  });
});
