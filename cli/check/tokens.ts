import { inParallel } from '../../base/in-parallel.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { secrets } from '../../clients/kube/resources.ts';
import { MANAGED } from '../../operator/sidecar-secret/sidecar-secret.ts';
import { type StoredToken, type Token, storedToken } from '../../operator/sidecar-secret/sidecar-token.ts';
import { sentence } from '../sentence.ts';
import { type Check, failed, ok } from './check.ts';

const QUESTIONS_AT_A_TIME = 8;

interface Held {
  secret: KubeObject;
  token: Token;
}

/** A Secret may say that its token is good for hours while Consul, restored from an older backup, has no such token. */
export const tokenChecks: Check[] = [
  {
    name: 'Consul knows the token in every sidecar Secret',
    hint: 'stale-secrets',
    async run({ kube, consul, nowMs }) {
      const [list, asked] = await Promise.all([
        kube.list<KubeObject & StoredToken>(secrets, { labelSelector: MANAGED }),
        consul(),
      ]);
      const good = list.items.flatMap((secret) => {
        const token = storedToken(secret);
        return token === undefined || token.expiresAtMs < nowMs() ? [] : [{ secret, token }];
      });
      const unknown: string[] = [];
      /** Gives the questions without an answer, and Consul's words for the last of them. */
      const ask = async (tokens: Held[]): Promise<{ unasked: Held[]; words: string }> => {
        const left = { unasked: [] as Held[], words: '' };
        await inParallel(tokens, QUESTIONS_AT_A_TIME, async (held) => {
          const { namespace, name } = held.secret.metadata;
          try {
            if (!(await asked.knowsToken(held.token.secretId))) unknown.push(`${namespace}/${name}`);
          } catch (error) {
            left.unasked.push(held);
            left.words = sentence(error);
          }
        });
        return left;
      };
      // A connection through the API server may break, and says nothing about the token then.
      const { unasked, words } = await ask((await ask(good)).unasked);
      if (unasked.length > 0)
        return failed(`Consul could not be asked for ${unasked.length} of ${good.length} tokens: ${words}`);
      return unknown.length === 0
        ? ok(`${good.length} of them`)
        : failed(`Consul has lost the token of ${unknown.sort().join(', ')}: the operator replaces it within a minute`);
    },
  },
];
