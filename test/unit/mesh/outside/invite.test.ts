import { expect } from 'chai';
import fc from 'fast-check';
import { type Invite, decodeInvite, encodeInvite } from '../../../../mesh/outside/invite.ts';

const text = fc.string({ minLength: 1, unit: 'grapheme' });
const invite: fc.Arbitrary<Invite> = fc.record({
  bridges: fc.array(text, { minLength: 1, maxLength: 3 }),
  caFingerprint: text,
  id: text,
  secret: text,
  service: text,
  site: text,
});

describe('an invite', function () {
  this.timeout(10_000);

  it('travels as one word, without spaces, and comes back as it was', () => {
    fc.assert(
      fc.property(invite, (one) => {
        expect(encodeInvite(one)).to.match(/^lb1\.[A-Za-z0-9_-]+$/);
        expect(decodeInvite(encodeInvite(one))).to.deep.equal(one);
      }),
    );
  });

  it('is nothing when it is cut short', () => {
    const one = { bridges: ['b:1'], caFingerprint: 'ab', id: 'i', secret: 's', service: 'web', site: 'rack-1' };
    const word = encodeInvite(one);
    for (let length = 0; length < word.length - 2; length += 1) {
      expect(decodeInvite(word.slice(0, length)), `${length} characters`).to.equal(undefined);
    }
  });

  it('never throws for any pasted text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (word) => {
        decodeInvite(word);
        decodeInvite(`lb1.${word}`);
        decodeInvite(`lb1.${Buffer.from(word).toString('base64url')}`);
      }),
    );
  });

  it('is nothing when a part is missing', () => {
    const encoded = (value: unknown) => `lb1.${Buffer.from(JSON.stringify(value)).toString('base64url')}`;
    for (const value of [null, 1, 'x', [], {}, { bridges: [], caFingerprint: 'a', id: 'b' }]) {
      expect(decodeInvite(encoded(value)), JSON.stringify(value)).to.equal(undefined);
    }
  });
});
