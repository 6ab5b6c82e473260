import { expect } from 'chai';
import { type BootstrapInput, envoyBootstrap, readyHostOf } from '../../../../mesh/envoy/bootstrap.ts';
import { caSecret, tokenSecret } from '../../../../mesh/envoy/consul-cluster.ts';

const input: BootstrapInput = {
  consul: [
    { host: '10.89.0.3', port: 30503 },
    { host: '10.89.0.4', port: 30503 },
  ],
  serverName: 'server.dc1.consul',
  datacenter: 'dc1',
  service: 'sub-svc',
  consulNode: 'k8s.lab.shop.sub-svc',
  secretsDirectory: '/etc/landbridge',
  admin: { port: 19000 },
  readyPort: 20200,
  stats: { tags: {}, extra: [] },
};

/** All values under a key, wherever it stands. */
function valuesOf(object: unknown, key: string): unknown[] {
  if (typeof object !== 'object' || object === null) return [];
  return Object.entries(object).flatMap(([name, value]) => [...(name === key ? [value] : []), ...valuesOf(value, key)]);
}

describe('envoyBootstrap', () => {
  const bootstrap = envoyBootstrap(input);

  it('answers /ready in both families, but where the kernel has one', () => {
    const listensAt = (made: object) =>
      valuesOf((made as { static_resources: { listeners: object[] } }).static_resources.listeners, 'socket_address');
    expect(listensAt(bootstrap)).to.deep.equal([{ address: '::', port_value: 20200, ipv4_compat: true }]);
    expect(listensAt(envoyBootstrap({ ...input, readyHost: '0.0.0.0' }))).to.deep.equal([
      { address: '0.0.0.0', port_value: 20200 },
    ]);
  });

  it('answers /ready in the family that the pods of the cluster have', () => {
    expect(readyHostOf('10.244.1.7')).to.equal('0.0.0.0');
    expect(readyHostOf('fd00::7')).to.equal('::');
    expect(readyHostOf('')).to.equal('0.0.0.0');
  });

  it('finds Consul by address only where no name leads to it', () => {
    const consulAddresses = [{ host: '10.96.0.9', port: 8503 }];
    const [names, addresses] = valuesOf(envoyBootstrap({ ...input, consulAddresses }), 'endpoints')[0] as object[];
    expect(valuesOf(names, 'address').length).to.be.greaterThan(0);
    expect(names).not.to.have.property('priority');
    expect(addresses).to.have.property('priority', 1);
    expect(JSON.stringify(addresses)).to.contain('10.96.0.9');
    expect(valuesOf(bootstrap, 'endpoints')[0]).to.have.length(1);
  });

  it('pings Consul less often than every 15 s, since Consul hangs up on who does it more often', () => {
    const [keepalive] = valuesOf(bootstrap, 'connection_keepalive') as { interval: string }[];
    expect(Number.parseInt(keepalive!.interval, 10)).to.be.greaterThan(15);
  });

  it('holds no secret itself: token and CA come from watched files', () => {
    expect(JSON.stringify(bootstrap)).not.to.match(/inline_string|trusted_ca/);
    const watched = valuesOf(bootstrap, 'watched_directory') as { path: string }[];
    expect(watched.map(({ path }) => path)).to.deep.equal(['/etc/landbridge', '/etc/landbridge']);
    expect(JSON.stringify(tokenSecret('t'))).to.contain('"inline_string":"t"');
    expect(JSON.stringify(caSecret('pem'))).to.contain('"trusted_ca":{"inline_string":"pem"}');
  });

  it('waits for Consul however long it takes, and comes back to it within a second', () => {
    expect(valuesOf(bootstrap, 'initial_fetch_timeout')).to.deep.equal(['0s', '0s']);
    expect(valuesOf(bootstrap, 'max_interval')).to.deep.equal(['1s']);
  });

  it("accepts only a server of Consul's own name", () => {
    expect(valuesOf(bootstrap, 'exact')).to.deep.equal(['server.dc1.consul']);
    expect(valuesOf(bootstrap, 'sni')).to.deep.equal(['server.dc1.consul']);
  });

  it('opens nothing but readiness and metrics, and keeps the admin on loopback', () => {
    const { static_resources, admin } = bootstrap as {
      static_resources: { listeners: unknown[] };
      admin: { address: { socket_address: { address: string } } };
    };
    expect(admin.address.socket_address.address).to.equal('127.0.0.1');
    expect(static_resources.listeners).to.have.length(1);
    expect(valuesOf(static_resources.listeners, 'path')).to.deep.equal(['/ready', '/stats/prometheus']);
  });

  it('opens no port at all on a VM', () => {
    const onVm = envoyBootstrap({ ...input, admin: { socket: '/run/landbridge/x/admin.sock' }, readyPort: undefined });
    expect((onVm as { static_resources: { listeners: unknown[] } }).static_resources.listeners).to.deep.equal([]);
    expect(valuesOf(onVm, 'pipe')).to.deep.equal([{ path: '/run/landbridge/x/admin.sock', mode: 0o660 }]);
  });
});
