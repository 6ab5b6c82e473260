import { expect } from 'chai';
import { amountOf } from '../../../mesh/quantity.ts';

describe('amountOf', () => {
  it('reads amounts as Kubernetes writes them', () => {
    expect(['1Gi', '1024Mi', '1.5Gi', '500m', '10', '2G'].map(amountOf)).to.deep.equal([
      2 ** 30,
      2 ** 30,
      1.5 * 2 ** 30,
      0.5,
      10,
      2e9,
    ]);
  });

  it('knows no amount in another text', () => {
    expect(['', '1 Gi', '1gi', 'Gi', '-1'].map(amountOf)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
