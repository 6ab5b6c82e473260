import { expect } from 'chai';
import type { Consul } from '../../../clients/consul/consul.ts';
import { ConsulUnavailable } from '../../../clients/consul/errors.ts';
import { aclContract } from './consul-acl.ts';
import { appOf, nodeWith } from './consul-builders.ts';
import { catalogContract } from './consul-catalog.ts';
import { configContract } from './consul-config.ts';
import { kvContract } from './consul-kv.ts';
import { trafficContract } from './consul-traffic.ts';
import { type ConsulUnderTest, underTest } from './consul-under-test.ts';

for (const which of ['the fake', 'the real Consul'] as const) {
  describe(`Consul client on ${which}, ACLs deny by default`, function () {
    this.timeout(120_000);
    let subject: ConsulUnderTest;
    const given = (): ConsulUnderTest => subject;

    before(async () => {
      subject = await underTest(which);
      await bootstrapWhenReady(subject);
    });
    after(() => subject?.stop());

    describe('catalog', () => catalogContract(given));
    describe('config entries', () => configContract(given));
    describe('key/value and locks', () => kvContract(given));
    describe('traffic', () => trafficContract(given));
    describe('access', () => aclContract(given));
    describe('cluster', () => clusterContract(given));
  });
}

/** A server takes a moment from its first leader to ACLs that can be bootstrapped; until then it says so. */
async function bootstrapWhenReady(subject: ConsulUnderTest): Promise<void> {
  const consul = subject.connect('');
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return void expect(await consul.acl.bootstrap(subject.management)).to.equal('done');
    } catch (error) {
      if (Date.now() > deadline || !(error instanceof ConsulUnavailable)) throw error;
    }
  }
}

function clusterContract(given: () => ConsulUnderTest): void {
  let consul: Consul;
  before(() => void (consul = given().connect()));

  it('tells its leader, its version and the roots of the mesh CA', async () => {
    expect(await consul.leader()).to.match(/^127\.0\.0\.1:\d+$/);
    expect(await consul.agentSelf()).to.include({ version: '1.22.6', datacenter: 'dc1', nodeName: 'server-1' });
    const { trustDomain, activeRootId, roots } = await consul.caRoots();
    expect(trustDomain).to.match(/^[0-9a-f-]{36}\.consul$/);
    expect(roots.find((root) => root.id === activeRootId)?.pem).to.match(/^-----BEGIN CERTIFICATE-----/);
  });

  it('throws ConsulUnavailable while no server answers, and goes on by itself afterwards', async () => {
    const { entry, changes } = nodeWith('k8s.t.shop.down', appOf('down-1', 'down'));
    await consul.apply(changes);
    await given().goDown();
    const attempts = [consul.apply(changes), consul.readNode(entry.Node), consul.kvCas('x', 'y', 0), consul.leader()];
    for (const attempt of await Promise.allSettled(attempts)) {
      expect(attempt.status).to.equal('rejected');
      const { reason } = attempt as PromiseRejectedResult;
      expect(reason).to.be.instanceOf(ConsulUnavailable).and.include({ kind: 'retry' });
    }
    await given().comeBack();
    expect(await consul.readNode(entry.Node)).to.deep.equal(entry);
  });
}
