import { expect } from 'chai';
import { changedByMesh, changedByProxyDefaults } from '../../../../mesh/catalog/mesh-wide.ts';
import { proxyDefaults } from '../../../../mesh/catalog/proxy-defaults.ts';

const Config = { local_idle_timeout_ms: 0 };
const normal = (fields: object) => ({ HTTP: { Incoming: { RequestNormalization: fields } } });

describe('proxy-defaults of another hand', () => {
  it('are passed over where they are not there, are our own, or change nothing', () => {
    expect(changedByProxyDefaults(undefined)).to.deep.equal([]);
    expect(changedByProxyDefaults(proxyDefaults('k8s/lab'))).to.deep.equal([]);
    const harmless = {
      Config: { ...Config, protocol: 'http', envoy_prometheus_bind_addr: '0.0.0.0:9102', envoy_tracing_json: '{}' },
      ...{ MeshGateway: { Mode: 'local' }, Expose: {}, AccessLogs: {}, EnvoyExtensions: null, Mode: 'direct' },
    };
    expect(changedByProxyDefaults(harmless)).to.deep.equal([]);
  });

  const cases: [string, object, RegExp][] = [
    ['plain text', { MutualTLSMode: 'permissive' }, /^MutualTLSMode permissive lets everybody call/],
    ['paths that are exposed', { Expose: { Paths: [{ Path: '/health' }] } }, /^Expose opens paths/],
    ['checks that are exposed', { Expose: { Checks: true } }, /^Expose opens paths/],
    [
      'extensions',
      { EnvoyExtensions: [{ Name: 'builtin/ext-authz' }] },
      /^EnvoyExtensions runs builtin[/]ext-authz in/,
    ],
    ['a listener', { Config: { ...Config, envoy_public_listener_json: '{}' } }, /^Config.envoy_public_listener_json/],
    ['a cluster', { Config: { ...Config, envoy_local_cluster_json: '{}' } }, /^Config.envoy_local_cluster_json/],
    ['a limit for silence', { Config: { local_idle_timeout_ms: 60000 } }, /nothing moves for 60000 ms/],
    ['an entry without that limit', { Config: {} }, /nothing moves for five minutes/],
    ['a limit for connections', { Config: { ...Config, max_inbound_connections: 5 } }, /lets 5 connections/],
    ['a transparent mode', { Mode: 'transparent' }, /^Mode transparent/],
    ['an access log', { AccessLogs: { Enabled: true } }, /^AccessLogs is on/],
  ];
  for (const [title, fields, sentence] of cases) {
    it(`are named for ${title}`, () => {
      const said = changedByProxyDefaults({ Config, ...fields });
      expect(said).to.have.length(1);
      expect(said[0]).to.match(sentence);
    });
  }
});

describe('a mesh entry of another hand', () => {
  it('is passed over where it is not there or changes nothing', () => {
    expect(changedByMesh(undefined)).to.deep.equal([]);
    const harmless = {
      ...normal({
        MergeSlashes: false,
        PathWithEscapedSlashesAction: 'KEEP_UNCHANGED',
        HeadersWithUnderscoresAction: 'ALLOW',
      }),
      ...{ TLS: { Incoming: { TLSMinVersion: 'TLSv1_3' } }, Peering: { PeerThroughMeshGateways: true } },
      TransparentProxy: { MeshDestinationsOnly: true },
    };
    expect(changedByMesh(harmless)).to.deep.equal([]);
  });

  const cases: [string, object, RegExp][] = [
    ['plain text', { AllowEnablingPermissiveMutualTLS: true }, /^AllowEnablingPermissiveMutualTLS/],
    ['paths as they come', normal({ InsecureDisablePathNormalization: true }), /can be gone around$/],
    ['slashes', normal({ MergeSlashes: true }), /^MergeSlashes/],
    ['escaped slashes', normal({ PathWithEscapedSlashesAction: 'UNESCAPE_AND_REDIRECT' }), /UNESCAPE_AND_REDIRECT/],
    ['underscores', normal({ HeadersWithUnderscoresAction: 'REJECT_REQUEST' }), /^HeadersWithUnderscoresAction/],
    ['the name of the caller', { HTTP: { SanitizeXForwardedClientCert: true } }, /^SanitizeXForwardedClientCert/],
    ['an old TLS', { TLS: { Outgoing: { TLSMinVersion: 'TLSv1_1' } } }, /^TLSMinVersion "TLSv1_1"/],
    ['clusters that must be there', { ValidateClusters: true }, /^ValidateClusters/],
  ];
  for (const [title, entry, sentence] of cases) {
    it(`is named for ${title}`, () => {
      const said = changedByMesh(entry as Record<string, unknown>);
      expect(said).to.have.length(1);
      expect(said[0]).to.match(sentence);
    });
  }
});
