import { expect } from 'chai';
import fc from 'fast-check';
import { type CertificateFacts, certificateStep } from '../../../../operator/admission/certificate-step.ts';

const fresh: CertificateFacts = {
  caDue: false,
  trusted: 1,
  expired: 0,
  servingDue: false,
  servingByNewest: true,
  bundleSettled: true,
};

describe('certificateStep', () => {
  const table: [string, Partial<CertificateFacts>, ReturnType<typeof certificateStep>][] = [
    ['all is fresh', {}, 'none'],
    ['the serving certificate is due', { servingDue: true }, 'issueServing'],
    ['the CA is due', { caDue: true }, 'addCa'],
    ['the new CA has not reached the API server', { servingByNewest: false, trusted: 2, bundleSettled: false }, 'none'],
    ['the new CA is trusted', { servingByNewest: false, trusted: 2 }, 'issueServing'],
    ['the old CA has expired', { trusted: 2, expired: 1 }, 'dropExpired'],
  ];
  for (const [when, facts, step] of table) {
    it(`answers ${step} when ${when}`, () => expect(certificateStep({ ...fresh, ...facts })).to.equal(step));
  }

  it('never serves with a CA that the API server may not trust yet', () => {
    const facts = fc.record({
      caDue: fc.boolean(),
      trusted: fc.nat(3),
      expired: fc.nat(3),
      servingDue: fc.boolean(),
      servingByNewest: fc.constant(false),
      bundleSettled: fc.constant(false),
    });
    fc.assert(fc.property(facts, (given) => certificateStep(given) !== 'issueServing'));
  });
});
