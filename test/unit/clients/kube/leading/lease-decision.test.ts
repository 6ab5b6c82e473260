import { expect } from 'chai';
import fc from 'fast-check';
import {
  claimedLease,
  decideLease,
  releasedLease,
  type LeaseSpec,
} from '../../../../../clients/kube/leading/lease-decision.ts';

const held = (holderIdentity: string, leaseDurationSeconds = 15): LeaseSpec => ({
  holderIdentity,
  leaseDurationSeconds,
  acquireTime: '2026-01-01T00:00:00.000000Z',
  renewTime: '2026-01-01T00:00:00.000000Z',
  leaseTransitions: 4,
});

describe('lease decision', () => {
  const table: { name: string; lease: LeaseSpec | undefined; ageMs: number; expected: string }[] = [
    { name: 'there is none', lease: undefined, ageMs: 0, expected: 'create' },
    { name: 'it has no spec', lease: {}, ageMs: 0, expected: 'take' },
    { name: 'it was released', lease: held(''), ageMs: 0, expected: 'take' },
    { name: 'we hold it', lease: held('me'), ageMs: 0, expected: 'renew' },
    { name: 'we hold it and were late', lease: held('me'), ageMs: 60_000, expected: 'renew' },
    { name: 'another holds it', lease: held('you'), ageMs: 0, expected: 'wait 15000' },
    { name: 'another holds it, almost run out', lease: held('you'), ageMs: 14_999, expected: 'wait 1' },
    { name: 'another held it for its whole duration', lease: held('you'), ageMs: 15_000, expected: 'take' },
    { name: 'another promised longer than we would', lease: held('you', 60), ageMs: 15_000, expected: 'wait 45000' },
  ];
  for (const { name, lease, ageMs, expected } of table) {
    it(`is to ${expected} when ${name}`, () => {
      const decision = decideLease(lease, 'me', 1_000_000, 1_000_000 + ageMs);
      expect(decision.do === 'wait' ? `wait ${decision.forMs}` : decision.do).to.equal(expected);
    });
  }

  it('does not look at the times that the holder wrote', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(30_000), (renewTime, acquireTime, age) => {
        const decision = decideLease({ ...held('you'), renewTime, acquireTime }, 'me', 0, age);
        expect(decision).to.deep.equal(decideLease(held('you'), 'me', 0, age));
      }),
    );
  });
});

describe('lease claim', () => {
  const now = Date.parse('2026-05-05T05:05:05.678Z');

  it('counts a change of holder as a transition and starts a new term', () => {
    expect(claimedLease(held('you'), 'me', 15_000, now)).to.deep.equal({
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: '2026-05-05T05:05:05.678000Z',
      renewTime: '2026-05-05T05:05:05.678000Z',
      leaseTransitions: 5,
    });
  });

  it('renews within the term', () => {
    expect(claimedLease(held('me'), 'me', 15_000, now)).to.deep.equal({
      ...held('me'),
      renewTime: '2026-05-05T05:05:05.678000Z',
    });
  });

  it('never promises less than it needs: the duration is rounded up', () => {
    expect(claimedLease(undefined, 'me', 1500, now)).to.include({ leaseDurationSeconds: 2, leaseTransitions: 0 });
  });

  it('keeps fields it does not know, also in a release', () => {
    const lease = { ...held('me'), strategy: 'OldestEmulationVersion' };
    expect(claimedLease(lease, 'me', 15_000, now)).to.include({ strategy: 'OldestEmulationVersion' });
    expect(releasedLease(lease, now)).to.include({
      strategy: 'OldestEmulationVersion',
      holderIdentity: '',
      leaseTransitions: 4,
    });
  });

  it('makes a released lease anyone’s at once', () => {
    expect(decideLease(releasedLease(held('you'), now), 'me', 0, 0)).to.deep.equal({ do: 'take' });
  });
});
