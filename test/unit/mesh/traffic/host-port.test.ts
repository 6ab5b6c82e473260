import { expect } from 'chai';
import fc from 'fast-check';
import { chooseHostPort, hostPortProblems } from '../../../../mesh/traffic/host-port.ts';
import { aMeshService } from '../../../support/builders.ts';

const randomArbitrary = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('a port of the node', () => {
  it('is of 22000 to 22999, and none that a pod has while there is another', () => {
    const taken = fc.uniqueArray(fc.integer({ min: 22000, max: 22999 }), { maxLength: 999 });
    fc.assert(
      fc.property(taken, randomArbitrary, (ports, random) => {
        const port = chooseHostPort(new Set(ports), () => random);
        expect(port).to.be.within(22000, 22999);
        expect(ports).not.to.include(port);
      }),
    );
  });

  it('may be another pod’s when all are taken: that pod may be on another node', () => {
    const all = new Set(Array.from({ length: 1000 }, (_, index) => 22000 + index));
    expect(chooseHostPort(all, () => 0.5)).to.equal(22500);
  });

  const table: [string, Parameters<typeof aMeshService>[1], string | undefined, boolean][] = [
    ['hostPort under restricted', { reach: 'hostPort' }, 'restricted', true],
    ['hostPort under baseline', { reach: 'hostPort' }, 'baseline', true],
    ['hostPort under privileged', { reach: 'hostPort' }, 'privileged', false],
    ['hostPort where nobody says', { reach: 'hostPort' }, undefined, false],
    ['pod under restricted', {}, 'restricted', false],
    [
      'hostPort of a service without pods',
      { reach: 'hostPort', workloads: { external: { sites: ['rack-1'] } } },
      'restricted',
      false,
    ],
  ];
  for (const [what, spec, podSecurity, refused] of table) {
    it(`is ${refused ? 'refused' : 'allowed'}: ${what}`, () => {
      const problems = hostPortProblems(aMeshService('web', spec), podSecurity);
      expect(problems.map(({ weight }) => weight)).to.deep.equal(refused ? ['refuse'] : []);
      if (refused) expect(problems[0]!.message).to.contain(`shop enforces the Pod Security standard "${podSecurity}"`);
    });
  }
});
