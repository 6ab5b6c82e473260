import { expect } from 'chai';
import { beforeChecks } from '../../../../cli/check/before.ts';
import { runChecks } from '../../../../cli/check/check.ts';
import type { Look } from '../../../../cli/check/look.ts';
import { meshNamespaces, webhookAnswers } from '../../../../cli/check/webhook-answers.ts';
import type { KubeClient } from '../../../../clients/kube/client.ts';
import { KubeError } from '../../../../clients/kube/errors.ts';
import { injected } from '../../../../mesh/inject/patch.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const services = ['a', 'b', 'c'].map((namespace) => aMeshService('web', {}, { namespace }));
const refusal = (message: string) => new KubeError({ kind: 'fix', reason: 'Forbidden', message, code: 403 });

/** An API server with one answer to a dry run for each namespace. */
function kube(answers: Record<string, KubeError | 'sidecar' | 'plain'>, asked: string[] = []): KubeClient {
  return {
    list: () => Promise.resolve({ items: services }),
    request: (_method: string, path: string) => {
      const namespace = path.split('/')[4]!;
      asked.push(namespace);
      const answer = answers[namespace]!;
      if (answer instanceof KubeError) return Promise.reject(answer);
      const pod = aPod('p', { app: 'web' });
      return Promise.resolve(answer === 'plain' ? pod : injected(pod, services[0]!, SETTINGS, () => 'http'));
    },
  } as unknown as KubeClient;
}

const limited = refusal('pods "x" is forbidden: maximum cpu usage per Container is 5m, but limit is 10m');
const noSidecar = refusal('pods "x" is forbidden: failed quota: must specify limits.cpu for: landbridge-sidecar');

describe('the dry run of a pod by landbridge check', () => {
  it('leaves out namespaces that are being deleted', async () => {
    const items = [
      { metadata: { name: 'going', deletionTimestamp: '2026-01-01T00:00:00Z' } },
      { metadata: { name: 'staying' } },
    ];
    const list = () => Promise.resolve({ items });
    expect(await meshNamespaces({ list } as unknown as KubeClient)).to.deep.equal(['staying']);
  });

  it('goes on to the next namespace where something else refuses the pod', async () => {
    const asked: string[] = [];
    const verdict = await webhookAnswers(kube({ a: limited, b: 'sidecar', c: 'sidecar' }, asked), ['a', 'b', 'c']);
    expect(verdict).to.deep.equal({ result: 'ok', detail: 'a pod of b/web would get its sidecar' });
    expect(asked).to.deep.equal(['a', 'b']);
  });

  it('says where the sidecar itself is refused, with a hint of its own', async () => {
    const verdict = await webhookAnswers(kube({ a: noSidecar, b: 'sidecar' }), ['a', 'b']);
    expect(verdict).to.include({ result: 'warning', hint: 'podsrefused' });
    expect(verdict.detail).to.contain('must specify limits.cpu for: landbridge-sidecar');
  });

  it('warns that the webhook is not tried where every namespace refuses the pod', async () => {
    const verdict = await webhookAnswers(kube({ a: limited, b: limited }), ['a', 'b']);
    expect(verdict).to.include({ result: 'warning', hint: 'probe-pod-refused' });
  });

  it('fails where the webhook is not reached, or gives no sidecar', async () => {
    const away = refusal('failed calling webhook "injector.landbridge.dev": connection refused');
    expect(await webhookAnswers(kube({ a: away }), ['a'])).to.include({ result: 'failed' });
    expect(await webhookAnswers(kube({ a: 'plain' }), ['a'])).to.include({ result: 'failed' });
  });
});

describe('landbridge check --pre', () => {
  const findings = async (ipFamilies: string[], external = false) => {
    const check = beforeChecks(external).find(({ hint }) => hint === 'ipv6-first')!;
    const get = () => Promise.resolve({ spec: { ipFamilies } });
    const look = { kube: { get }, consulTargets: external ? [{ address: '[2001:db8::5]:8501' }] : [] };
    const found = [];
    for await (const finding of runChecks([check], look as unknown as Look)) found.push(finding);
    return found;
  };

  it('says that the Consul servers of the chart are not for a cluster with IPv6 first, and is silent elsewhere', async () => {
    expect(await findings(['IPv6', 'IPv4'])).to.have.nested.property('[0].result', 'failed');
    expect(await findings(['IPv6'])).to.have.nested.property('[0].hint', 'ipv6-first');
    for (const families of [['IPv4'], ['IPv4', 'IPv6'], []]) expect(await findings(families)).to.deep.equal([]);
    expect(await findings(['IPv6'], true)).to.deep.equal([]);
  });
});
