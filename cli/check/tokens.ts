import { inParallel } from '../../base/in-parallel.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { secrets } from '../../clients/kube/resources.ts';
import { MANAGED } from '../../operator/sidecar-secret/sidecar-secret.ts';
import { type StoredToken, storedToken } from '../../operator/sidecar-secret/sidecar-token.ts';
import { type Check, failed, ok } from './check.ts';

const QUESTIONS_AT_A_TIME = 8;

/** A Secret may say that its token is good for hours while Consul, restored from an older backup, has no such token. */
export const tokenChecks: Check[] = [
  {
    name: 'Consul knows the token in every sidecar Secret',
    hint: 'stale-secrets',
    async run({ kube, consul, nowMs }) {
      const [held, asked] = await Promise.all([
        kube.list<KubeObject & StoredToken>(secrets, { labelSelector: MANAGED }),
        consul(),
      ]);
      const good = held.items.flatMap((secret) => {
        const token = storedToken(secret);
        return token === undefined || token.expiresAtMs < nowMs() ? [] : [{ secret, token }];
      });
      const unknown: string[] = [];
      const unasked: string[] = [];
      await inParallel(good, QUESTIONS_AT_A_TIME, async ({ secret: { metadata }, token }) => {
        const isKnown = await asked.knowsToken(token.secretId).catch(() => undefined);
        const name = `${metadata.namespace}/${metadata.name}`;
        if (isKnown === false) unknown.push(name);
        else if (isKnown === undefined) unasked.push(name);
      });
      if (unasked.length > 0) return failed(`Consul could not be asked for ${unasked.length} of ${good.length} tokens`);
      return unknown.length === 0
        ? ok(`${good.length} of them`)
        : failed(`Consul has lost the token of ${unknown.sort().join(', ')}: the operator replaces it within a minute`);
    },
  },
];
