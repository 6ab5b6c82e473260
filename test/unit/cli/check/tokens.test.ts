import { expect } from 'chai';
import { runChecks } from '../../../../cli/check/check.ts';
import type { Look } from '../../../../cli/check/look.ts';
import { tokenChecks } from '../../../../cli/check/tokens.ts';
import { tokenAnnotations } from '../../../../operator/sidecar-secret/sidecar-token.ts';

const secretOf = (service: string): object => ({
  metadata: {
    namespace: 'shop',
    name: `${service}-landbridge`,
    annotations: tokenAnnotations({ secretId: service, holds: service, issuedAtMs: 0, expiresAtMs: Infinity }),
  },
  data: { token: Buffer.from(service).toString('base64') },
});

/** The finding, and how often Consul was asked for each token. */
async function look(knowsToken: (token: string, time: number) => boolean): Promise<{ detail: string; asked: object }> {
  const asked: Record<string, number> = {};
  const given = {
    kube: { list: async () => ({ items: ['add', 'sub'].map(secretOf) }) },
    consul: async () => ({
      async knowsToken(token: string) {
        asked[token] = (asked[token] ?? 0) + 1;
        return knowsToken(token, asked[token]);
      },
    }),
    nowMs: () => 1000,
  };
  for await (const { detail } of runChecks(tokenChecks, given as unknown as Look)) return { detail, asked };
  throw new Error('the check found nothing');
}

describe('Check of the tokens in the Secrets of sidecars', () => {
  it('asks for a token again when the connection to Consul broke, and for no other', async () => {
    const { detail, asked } = await look((token, time) => {
      if (token === 'sub' && time === 1) throw new Error('socket hang up');
      return true;
    });
    expect(detail).to.equal('2 of them');
    expect(asked).to.deep.equal({ add: 1, sub: 2 });
  });

  it('says why Consul could not be asked', async () => {
    const { detail } = await look(() => {
      throw new Error('socket hang up');
    });
    expect(detail).to.equal('Consul could not be asked for 2 of 2 tokens: socket hang up');
  });

  it('names the tokens that Consul does not know', async () => {
    const { detail } = await look((token) => token !== 'sub');
    expect(detail).to.include('lost the token of shop/sub-landbridge');
  });
});
