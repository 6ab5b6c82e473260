import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { RegisterAnswer } from '../../mesh/outside/bridge-api.ts';
import { connectConsul } from '../../clients/consul/connect.ts';
import type { Consul } from '../../clients/consul/consul.ts';
import { serviceJwt } from '../../clients/consul/service-token.ts';
import { EDGE_SERVICE } from '../../crds/expose.ts';
import { CONSUL_SERVER_NAME, SECRETS } from '../../mesh/installation/installation.ts';
import { bootstrap } from '../../operator/bootstrap/bootstrap.ts';
import { bridgePolicy, dnsPolicy, edgePolicy, serverPolicy } from '../../operator/bootstrap/policies.ts';
import { type ChartConsul, chartConsul } from '../contract/consul/bootstrap-consul.ts';
import { appOf } from '../contract/consul/consul-builders.ts';
import { type BridgeUnderTest, SITE, anInstance, bridgeUnderTest } from '../contract/bridge/bridge-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { bootstrapParts, memoryStore } from '../unit/operator/bootstrap/parts.ts';
import { weakerPolicies, withWeaker } from './consul-rule.ts';

/** Each rule of a policy a step weaker, on a real Consul: its purpose fails, and nothing fails with all rules. */
describe('every right in Consul', function () {
  this.timeout(120_000);

  describe('of the bridge', () => {
    let bridge: BridgeUnderTest;
    let told = 0;
    before(async () => {
      bridge = await bridgeUnderTest('the real Consul');
      bridge.admit('web');
      const node = { Node: 'by-hand', Address: '127.0.0.1', Meta: {} };
      await bridge.reader.apply([
        { op: 'set-node', node },
        { op: 'register', node, registration: appOf('legacy', 'legacy') },
      ]);
    });
    after(() => bridge?.stop());

    /** Throws at the first thing that is refused, or that Consul does not hold as it must. */
    async function live(): Promise<void> {
      const name = `n${++told}`;
      const vm = await bridge.join(name, 'web');
      const beat = await vm.beat([anInstance('web', name)]);
      expect(beat.body['problems']).to.deep.equal([]);
      expect(await bridge.reader.readNode(`vm.${SITE}.${name}`)).not.to.equal(undefined);
      const app = createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
      try {
        await new Promise((resolve) => app.once('listening', resolve));
        const { port } = app.address() as AddressInfo;
        const check = { type: 'http', path: '/', intervalMs: 1000, timeoutMs: 500 };
        const wanted = { site: SITE, service: `ledger-${name}`, address: '127.0.0.1', port, check };
        const answer = await bridge.ask<RegisterAnswer>('PUT', `/v1/external/${name}`, wanted);
        expect(answer.problems).to.deep.equal([]);
      } finally {
        app.close();
        app.closeAllConnections();
      }
      // Another one, which has to find what this one wrote.
      await bridge.restart();
      const { instances } = await bridge.ask<{ instances: { host: string }[] }>('GET', '/v1/instances');
      expect(instances.map(({ host }) => host)).to.include.members([name]);
      const all = await bridge.ask<{ instances: { host: string }[] }>('GET', '/v1/instances?others');
      expect(all.instances.map(({ host }) => host)).to.include('by-hand');
      await bridge.ask('DELETE', `/v1/external/${name}?site=${SITE}`);
      await bridge.ask('POST', '/v1/revoke', { host: name, site: SITE });
      expect(await bridge.reader.readNode(`vm.${SITE}.${name}`)).to.equal(undefined);
    }

    it('is enough: with all of them everything is done', live);

    for (const weaker of weakerPolicies(bridgePolicy)) {
      it(`is missed: ${weaker.what}`, () =>
        withWeaker(bridge.reader, bridgePolicy, weaker, async () => {
          const late = new Promise((_resolve, reject) => setTimeout(() => reject(new Error('it waits')), 8000).unref());
          const end = await Promise.race([live(), late]).then(
            () => 'all was done',
            (error: Error) => error.message,
          );
          console.log(`      ${end.split('\n')[0]!.slice(0, 160)}`);
          expect(end).not.to.equal('all was done');
        }));
    }
  });

  describe('of the edge gateway and of the server', () => {
    let server: ChartConsul;
    let admin: Consul;
    const store = memoryStore();
    const open: Consul[] = [];
    const connect = (caPem: string, token: string): Consul => {
      const serverName = CONSUL_SERVER_NAME;
      const consul = connectConsul({ addresses: [server.address], serverName, caPem, token: () => token });
      open.push(consul);
      return consul;
    };
    const secret = (name: string) => store.all.get(name)!;
    const caPem = (): string => secret(SECRETS.consulCa)['ca.crt']!;

    before(async () => {
      server = await chartConsul();
      const parts = bootstrapParts({
        store,
        openConsul: connect,
        env: { LANDBRIDGE_BOOTSTRAP_PATIENCE_SECONDS: '60' },
      });
      const done = bootstrap(parts);
      server.start(await eventually('its Secret', 20_000, async () => store.all.get(SECRETS.consulServer)));
      await done;
      admin = connect(caPem(), secret(SECRETS.consulManagement)['token']!);
    });
    after(async () => {
      for (const consul of open) consul.close();
      await server?.stop();
    });

    async function gatewayReads(): Promise<void> {
      const issuer = 'landbridge-operator';
      const signingKeyPem = secret(SECRETS.operator)['signing.key']!;
      const nowSeconds = Math.floor(Date.now() / 1000);
      const jwt = serviceJwt({ signingKeyPem, issuer, service: EDGE_SERVICE, nowSeconds });
      const { secretId } = await connect(caPem(), '').login(issuer, jwt);
      const gateway = connect(caPem(), secretId);
      const key = { Kind: 'http-route' as const, Name: 'shown', Meta: {} };
      await admin.apply([{ op: 'set-config', entry: { ...key, Parents: [], Rules: [] } as never, modifyIndex: 0 }]);
      expect(await gateway.readConfig('http-route', 'shown')).not.to.equal(undefined);
      await gateway.logout(secretId);
    }

    it('is enough for the gateway to read its routes', gatewayReads);
    for (const weaker of weakerPolicies(edgePolicy)) {
      it(`is missed by the gateway: ${weaker.what}`, () =>
        withWeaker(admin, edgePolicy, weaker, async () => {
          const end = await gatewayReads().then(
            () => 'it reads them',
            (error: Error) => error.message,
          );
          expect(end).to.match(/mesh:read|denied/i);
        }));
    }

    /** The addresses behind a name in DNS. */
    async function named(): Promise<number> {
      const secretId = randomUUID();
      await admin.acl.upsertToken({
        accessorId: randomUUID(),
        secretId,
        description: 'DNS',
        policies: [dnsPolicy.name],
      });
      return (await connect(caPem(), secretId).health('consul')).length;
    }

    it('is enough to answer DNS', async () => expect(await named()).to.equal(1));
    for (const weaker of weakerPolicies(dnsPolicy)) {
      it(`is missed by DNS: ${weaker.what}`, () =>
        withWeaker(admin, dnsPolicy, weaker, async () => {
          const said = await named().then(String, (error: Error) => error.message);
          expect(said).to.match(/hid service consul/);
        }));
    }

    /** A pod that comes back has another address, which the server writes into its own node. It logs its refusals. */
    async function comesBack(until: RegExp): Promise<string> {
      await server.goDown();
      server.start(secret(SECRETS.consulServer), `127.0.0.${++address}`);
      await eventually('it has looked after its node', 20_000, () => until.test(server.log()) || undefined);
      return server.log();
    }
    let address = 1;
    const blocked = /blocked by ACLs/;

    it('is enough for the server to keep its node', async () => {
      const log = await comesBack(/Synced node info/);
      await eventually('it leads', 20_000, () => server.log().includes('cluster leadership acquired') || undefined);
      expect(log).not.to.match(blocked);
    });
    for (const weaker of weakerPolicies(serverPolicy)) {
      it(`is missed by the server: ${weaker.what}`, () =>
        withWeaker(admin, serverPolicy, weaker, async () => {
          expect(await comesBack(blocked)).to.match(blocked);
        }));
    }
  });
});
