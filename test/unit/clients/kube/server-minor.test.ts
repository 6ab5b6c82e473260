import { expect } from 'chai';
import { serverMinor } from '../../../../clients/kube/server-minor.ts';

describe('the minor version of an API server', () => {
  for (const [gitVersion, minor] of [
    ['v1.34.2', 34],
    ['v1.29.15-eks-1234567', 29],
    ['v1.31.4+k3s1', 31],
    ['v2.0.0', undefined],
    [undefined, undefined],
  ] as const) {
    it(`is ${String(minor)} of ${String(gitVersion)}`, async () => {
      const request = (() => Promise.resolve({ gitVersion })) as never;
      expect(await serverMinor({ request })).to.equal(minor);
    });
  }
});
