import { expect } from 'chai';
import { dnsPort, hasStubDomain, withStubDomain, withoutStubDomain } from '../../../../mesh/names/stub-domain.ts';

/** As kubeadm writes it. */
const KUBEADM = `.:53 {
    errors
    health {
       lameduck 5s
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
    }
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`;
const edited = (corefile: string, ...servers: string[]): string => {
  const result = withStubDomain(corefile, servers);
  if (result.problem !== undefined) throw new Error(result.problem);
  return result.corefile;
};

describe('*.consul in a Corefile', () => {
  it('is put behind what is there, and gone again without a trace', () => {
    const once = edited(KUBEADM, '10.96.0.53');
    expect(once.startsWith(KUBEADM)).to.equal(true);
    expect(once).to.include('consul:53 {').and.include('forward . 10.96.0.53 {');
    expect(hasStubDomain(once)).to.equal(true);
    expect(withoutStubDomain(once)).to.equal(KUBEADM);
    expect(hasStubDomain(KUBEADM)).to.equal(false);
  });

  it('is written once, however often, and follows the servers', () => {
    const once = edited(KUBEADM, '10.96.0.53');
    expect(edited(once, '10.96.0.53')).to.equal(once);
    const moved = edited(once, '10.96.0.99', '192.0.2.1:8600');
    expect(moved).to.include('forward . 10.96.0.99 192.0.2.1:8600 {').and.not.include('10.96.0.53');
  });

  it('leaves alone what comes after it', () => {
    const more = 'example.org:53 {\n    forward . 192.0.2.9\n}\n';
    const both = edited(KUBEADM, '10.96.0.53') + more;
    expect(withoutStubDomain(both)).to.equal(KUBEADM + more);
    expect(edited(both, '10.96.0.53').startsWith(KUBEADM + more)).to.equal(true);
  });

  for (const theirs of [
    'consul {',
    'consul:53 {',
    'dns://consul.:53 {',
    'example.org, CONSUL. {',
    'a.example consul{',
  ]) {
    it(`is refused beside another's "${theirs}"`, () => {
      const result = withStubDomain(`${KUBEADM}${theirs}\n    forward . 192.0.2.9\n}\n`, ['10.96.0.53']);
      expect(result.problem).to.include('not ours');
    });
  }

  it('is not taken for theirs where consul is only a word in a block or in a comment', () => {
    const corefile = KUBEADM.replace('loop', 'forward consul.example 192.0.2.9\n    # consul {\n    loop');
    expect(withStubDomain(corefile, ['10.96.0.53']).problem).to.equal(undefined);
  });

  it('listens where the other zones do', () => {
    expect(dnsPort(KUBEADM)).to.equal(53);
    expect(edited(KUBEADM.replace('.:53', '.:5353'), '10.96.0.53')).to.include('consul:5353 {');
    expect(dnsPort('example.org {\n}\n')).to.equal(53);
  });

  it('has only plugins that kubeadm upgrade knows', () => {
    const block = edited('', '10.96.0.53');
    const plugins = [...block.matchAll(/^ {4}(\w+)/gm)].map(([, plugin]) => plugin);
    expect(plugins).to.have.members(['errors', 'rewrite', 'hosts', 'cache', 'loadbalance', 'forward']);
    const options = [...block.matchAll(/^ {8}(\S+)/gm)].map(([, option]) => option);
    expect(options).to.have.members(['127.0.0.1', 'ttl', 'fallthrough', 'serve_stale', 'force_tcp', 'max_concurrent']);
  });
});
