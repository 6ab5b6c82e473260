import { expect } from 'chai';
import {
  type AppCalls,
  type Protocol,
  type Speech,
  mismatchIn,
  mismatchSentence,
  speechAfter,
} from '../../../../mesh/proxies/app-calls.ts';
import { readCounters } from '../../../../mesh/proxies/counters.ts';

type Look = [answered: number, protocolErrors: number, closed: number];

/** Looks at one app every `everyMs`, and gives what is claimed after each. */
const looks = (protocol: Protocol | Protocol[], everyMs: number, ...counts: Look[]) => {
  let speech: Speech | undefined;
  return counts.map(([answered, protocolErrors, closed], i) => {
    const spoken = Array.isArray(protocol) ? protocol[i]! : protocol;
    const calls: AppCalls = { answered, protocolErrors, closed };
    speech = speechAfter(speech, calls, spoken, i * everyMs);
    return mismatchIn(speech);
  });
};

describe('the calls of an app that speaks another protocol', () => {
  it('claims it after two calls of an app that has never answered, and not after one', () => {
    expect(looks('http2', 5000, [0, 1, 0], [0, 2, 0])).to.deep.equal([undefined, 'garbled']);
    expect(looks('http2', 5000, [0, 2, 0])).to.deep.equal(['garbled']);
  });

  it('does not claim it for odd answers among good ones', () => {
    const rest: Look[] = [1, 2, 3, 4, 5].map((n) => [n, 2 * n, n]);
    expect(looks('http', 5000, ...rest)).to.deep.equal([undefined, undefined, undefined, undefined, undefined]);
  });

  it('claims it of an app that has answered before only after three failures without an answer between them', () => {
    expect(looks('http', 5000, [9, 0, 0], [9, 2, 0], [9, 3, 0])).to.deep.equal([undefined, undefined, 'garbled']);
    expect(looks('http', 5000, [9, 0, 0], [9, 2, 0], [10, 2, 0], [10, 4, 0]).at(-1)).to.equal(undefined);
  });

  it('does not count the failures before its first look at an app that has answered', () => {
    expect(looks('http', 5000, [9, 50, 50], [9, 51, 50])).to.deep.equal([undefined, undefined]);
  });

  it('needs three failures where the app closes connections', () => {
    expect(looks('http', 5000, [0, 0, 2], [0, 0, 3])).to.deep.equal([undefined, 'closed']);
  });

  it('ends it with an answer, with another protocol in the spec, and not with silence', () => {
    expect(looks('http2', 5000, [0, 2, 0], [1, 2, 0])).to.deep.equal(['garbled', undefined]);
    expect(looks(['http2', 'http', 'http'], 5000, [0, 2, 0], [0, 2, 0], [0, 3, 0])).to.deep.equal([
      'garbled',
      undefined,
      undefined,
    ]);
    expect(looks('http2', 600_000, [0, 2, 0], [0, 2, 0]).at(-1)).to.equal('garbled');
  });

  it('counts failures since the last look for the protocol that the spec has got meanwhile', () => {
    expect(looks(['http', 'grpc'], 5000, [3, 0, 0], [3, 2, 0])).to.deep.equal([undefined, 'garbled']);
    expect(looks(['http', 'grpc'], 5000, [3, 0, 0], [4, 2, 0])).to.deep.equal([undefined, undefined]);
    const after = looks(['http', 'grpc', 'grpc'], 5000, [3, 0, 0], [4, 1, 0], [4, 3, 0]);
    expect(after, 'answers in the earlier protocol').to.deep.equal([undefined, undefined, 'garbled']);
  });

  it('ends it after two minutes without a call where the app has answered before', () => {
    expect(looks('http', 130_000, [1, 0, 0], [1, 3, 0], [1, 3, 0])).to.deep.equal([undefined, 'garbled', undefined]);
  });

  it('counts from 0 when the Envoy started again', () => {
    expect(looks('http2', 5000, [0, 1, 0], [0, 1, 0], [0, 0, 0], [0, 1, 0])).to.deep.equal([
      undefined,
      undefined,
      undefined,
      'garbled',
    ]);
  });

  it('says nothing with tcp', () => {
    expect(looks('tcp', 5000, [0, 9, 9])).to.deep.equal([undefined]);
  });

  it('is counted in both forms of the statistics', () => {
    const text = [
      'cluster.local_app.upstream_cx_destroy_remote_with_active_rq: 2',
      'cluster.local_app.upstream_cx_protocol_error: 3',
      'cluster.local_app.upstream_rq_2xx: 4',
      'cluster.local_app.upstream_rq_4xx: 5',
      'cluster.local_app.upstream_rq_5xx: 6',
      'cluster.web.upstream_rq_2xx: 7',
    ].join('\n');
    const labels = (more: string) => `{consul_source_service="web",${more}envoy_cluster_name="local_app"}`;
    const prometheus = [
      `envoy_cluster_upstream_cx_destroy_remote_with_active_rq${labels('')} 2`,
      `envoy_cluster_upstream_cx_protocol_error${labels('')} 3`,
      `envoy_cluster_upstream_rq_xx${labels('envoy_response_code_class="2",')} 4`,
      `envoy_cluster_upstream_rq_xx${labels('envoy_response_code_class="4",')} 5`,
      `envoy_cluster_upstream_rq_xx${labels('envoy_response_code_class="5",')} 6`,
    ].join('\n');
    for (const form of [text, prometheus])
      expect(readCounters(form).calls).to.deep.equal({ answered: 9, protocolErrors: 3, closed: 2 });
  });

  it('fits whole in the status of a MeshService', () => {
    for (const protocol of ['http', 'http2', 'grpc'] as const)
      for (const how of ['garbled', 'closed'] as const)
        expect(mismatchSentence(65535, protocol, how).length).to.be.at.most(200);
  });
});
