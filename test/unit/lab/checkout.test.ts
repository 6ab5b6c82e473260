import { expect } from 'chai';
import { inTheWay } from '../../../lab/checkout.ts';

const lab = { of: '/home/a/landbridge', alive: true, here: '/home/b/landbridge', replace: false };

describe('a second checkout', () => {
  it('does not take away the lab of the first, and names it', () => {
    expect(inTheWay(lab)).to.match(/the lab of \/home\/a\/landbridge is up.*`npm start -- --replace` here does so too/);
  });

  it('starts with --replace, when the other lab has ended, and in the same checkout', () => {
    expect(inTheWay({ ...lab, replace: true })).to.equal(undefined);
    expect(inTheWay({ ...lab, alive: false })).to.equal(undefined);
    expect(inTheWay({ ...lab, here: lab.of })).to.equal(undefined);
    expect(inTheWay({ ...lab, of: undefined })).to.equal(undefined);
  });
});
