import { expect } from 'chai';
import { readCounters } from '../../../../mesh/proxies/counters.ts';
import { heardIn } from '../../../../mesh/proxies/heard.ts';
import { acceptsVerdict, isAbout, silentMessage } from '../../../../mesh/proxies/verdict.ts';

describe('the counters of an Envoy', () => {
  const labels = 'local_cluster="caller",consul_source_service="caller"';
  it('reads the same from /stats/prometheus and from /stats', () => {
    const prometheus = [
      '# TYPE envoy_http_web_default_default_dc1_rds_web_update_rejected counter',
      `envoy_http_sub_svc_default_default_dc1_rds_sub_svc_update_rejected{${labels},envoy_http_conn_manager_prefix="upstream"} 2`,
      `envoy_http_sub_svc_default_default_dc1_rds_sub_svc_update_time{${labels}} 1796043650710`,
      `envoy_listener_manager_lds_update_rejected{${labels}} 1`,
      `envoy_cluster_default_dc1_internal_x_consul_update_rejected{${labels},envoy_cluster_name="web"} 3`,
      `envoy_cluster_upstream_cx_connect_fail{${labels},envoy_cluster_name="local_app"} 4`,
      `envoy_cluster_health_check_attempt{${labels},envoy_cluster_name="landbridge_app_8080"} 5`,
    ].join('\n');
    const text = [
      'http.upstream.sub-svc.default.default.dc1.rds.sub-svc.update_rejected: 2',
      'http.upstream.sub-svc.default.default.dc1.rds.sub-svc.update_time: 1796043650710',
      'listener_manager.lds.update_rejected: 1',
      'cluster.web.default.dc1.internal.x.consul.update_rejected: 3',
      'cluster_manager.cds.version_text: ""',
      'cluster.local_app.upstream_cx_connect_fail: 4',
      'cluster.landbridge_app_8080.health_check.attempt: 5',
    ].join('\n');
    for (const counters of [readCounters(prometheus), readCounters(text)]) {
      expect(counters.updates.map(({ kind, rejected, acceptedAtMs }) => [kind, rejected, acceptedAtMs])).to.deep.equal([
        ['route', 2, 1796043650710],
        ['listener', 1, undefined],
        ['endpoints', 3, undefined],
      ]);
      expect(counters.connectFails).to.equal(4);
      expect(counters.probe).to.deep.equal({ port: 8080, listening: false, tries: 5 });
      expect(counters.updates.map((one) => isAbout({ ...one, words: undefined }, 'sub-svc'))).to.deep.equal([
        true,
        false,
        false,
      ]);
    }
  });
});

describe('the words of an Envoy', () => {
  const prefix = '2026-11-30T13:00:48.193456789Z [2026-11-30 13:00:48.193][1][warning][config] [source/x.cc:160] ';
  it('is read with its time and kind, once for each refusal', () => {
    const words = "Incorrect configuration: 50% off. Couldn't find valid command at position 2";
    const line = `${prefix}gRPC config for type.googleapis.com/envoy.config.route.v3.RouteConfiguration rejected: ${words}`;
    expect(heardIn(line)).to.deep.equal({ kind: 'route', words, atMs: Date.parse('2026-11-30T13:00:48.193Z') });
    expect(heardIn(line.replace('gRPC config', 'delta config'))).to.equal(undefined);
    expect(heardIn(`{"path":"/gRPC config for x rejected: y"}`)).to.equal(undefined);
  });
  it('is cut to 300 characters', () => {
    const line = `gRPC config for type.googleapis.com/envoy.config.cluster.v3.Cluster rejected: ${'x'.repeat(5000)}`;
    expect(heardIn(line)?.words).to.have.length(300);
  });
  it('is about the service whose listener, cluster or subset it names, and about no other', () => {
    const of = (words: string) => ({ kind: 'cluster' as const, subscription: 'cluster_manager_cds', words });
    const cluster = of('Error adding/updating cluster(s) v2.web.default.dc1.internal.4325.consul: bad');
    expect([isAbout(cluster, 'web'), isAbout(cluster, 'v2'), isAbout(cluster, 'we')]).to.deep.equal([
      true,
      true,
      false,
    ]);
    const listener = of('Error adding/updating listener(s) sub-svc:127.0.0.1:9191: bad');
    expect([isAbout(listener, 'sub-svc'), isAbout(listener, 'svc'), isAbout(listener, 'sub')]).to.deep.equal([
      true,
      false,
      false,
    ]);
  });
});

describe('the sentence of ProxiesAccept', () => {
  const refusing = (proxy: string, words = 'bad') => ({
    proxy,
    refusals: [{ kind: 'route' as const, subscription: 'x', words }],
  });
  it('names three proxies and counts the rest, and quotes each word once', () => {
    const all = Array.from({ length: 500 }, (_, i) => refusing(`pod web-${String(i).padStart(3, '0')}`));
    const verdict = acceptsVerdict({ known: true, refusing: all, silent: [] });
    expect(verdict).to.include({ status: 'False', reason: 'ProxyRefuses' });
    expect(verdict?.message).to.match(/^pod web-000, pod web-001, pod web-002 and 497 more refused/);
    expect(verdict?.message.split('bad')).to.have.length(2);
  });
  it('stays below the 32 KiB of a condition whatever Envoy says', () => {
    const all = Array.from({ length: 500 }, (_, i) => refusing(`pod ${i}`, `${i} ${'x'.repeat(296)}`));
    expect(acceptsVerdict({ known: true, refusing: all, silent: [] })?.message.length).to.be.below(2000);
  });
  it('quotes one line of printable characters, at most 300, and never half of one', () => {
    const dirty = 'bad\u001b[2J\r\n\u0007value\u202e\u2028\u200b end';
    const message = acceptsVerdict({
      known: true,
      refusing: [refusing('x\u001b[1m on machine a/b', dirty)],
      silent: [],
    })!.message;
    expect(message)
      .to.contain('routes: bad [2J value  end.')
      .and.to.match(/^x \[1m on machine a\/b refused/);
    expect(message).not.to.match(/[\p{C}\u2028]/u);
    const long = acceptsVerdict({
      known: true,
      refusing: [refusing('x', '\u{1f600}'.repeat(5000))],
      silent: [],
    })!.message;
    expect([...long].filter((one) => one === '\u{1f600}')).to.have.length(300);
    const empty = acceptsVerdict({ known: true, refusing: [refusing('x', '\u0000')], silent: [] })!.message;
    expect(empty).to.contain('its log does not tell');
  });
  it('is not there while nothing is known', () => {
    expect(acceptsVerdict({ known: false, refusing: [], silent: [] })).to.equal(undefined);
  });
  it('says where the app should listen', () => {
    const silent = [{ instance: 'pod web-1', port: 8080, calls: true }];
    expect(silentMessage({ known: true, refusing: [], silent })).to.equal(
      'Nothing accepts connections at 127.0.0.1:8080 in pod web-1, so calls to it fail: give spec.port the port that the app listens on, or have the app listen on 127.0.0.1 or 0.0.0.0',
    );
  });
});
