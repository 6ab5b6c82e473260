import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { makeKey, makeRequest } from '../../../../agent/state/certificate.ts';
import type { InstancesAnswer } from '../../../../mesh/outside/bridge-api.ts';
import { advancing, eventually } from '../bridge-waiting.ts';
import { type BridgeUnderTest, DEREGISTER_AFTER_MS, LEASE_MS, SITE, anInstance } from '../bridge-under-test.ts';

const LOST = /^lease lost: nothing heard from \S+ for 6 s$/;

/** The stories of hosts: how they join, beat, fall silent, come back and go. */
export function hostContract(
  open: () => BridgeUnderTest,
  openAnother: (options: { startMs: number }) => Promise<BridgeUnderTest>,
): void {
  const node = (host: string) => open().reader.readNode(`vm.${SITE}.${host}`);
  const checksOf = async (host: string) =>
    Object.values((await node(host))?.registrations ?? {}).flatMap(({ checks }) => checks);

  it('lets a host join with an invite: the bridge decides the name in the certificate, not the request', async () => {
    const bridge = open();
    bridge.admit('web');
    const { answer, client } = await bridge.join('vm1', 'web');
    expect(answer).to.deep.include({ host: 'vm1', site: SITE, service: 'web', leaseMs: LEASE_MS });
    const certificate = new X509Certificate(answer.certificate);
    expect(certificate.subject).to.equal('CN=vm1');
    expect(certificate.subjectAltName).to.equal(`URI:landbridge://${SITE}/vm1`);
    expect(Date.parse(certificate.validTo) - bridge.clock.now()).to.be.within(23.9 * 3_600_000, 24 * 3_600_000);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).to.equal('prime256v1');
    expect((await client.post('/v1/renew', {})).status).to.equal(400);
  });

  it('writes an instance and its sidecar on the node of its host with the first beat', async () => {
    const bridge = open();
    bridge.admit('web', { upstreams: [{ service: 'db', localPort: 5432 }], protocol: 'http' });
    const vm = await bridge.join('vm1', 'web');
    const reply = await vm.beat([anInstance('web', 'vm1', { version: 'v2', zone: 'eu-1a' })]);
    expect(reply.status).to.equal(200);
    const { services, ...rest } = reply.body;
    expect(rest).to.deep.equal({ leaseMs: LEASE_MS, tokens: [], refused: [], problems: [] });
    expect(services).to.have.length(1);
    expect(services[0]).to.include({ service: 'web', protocol: 'http' });
    expect(services[0].upstreams[0]).to.include({ service: 'db', localPort: 5432 });
    const held = await node('vm1');
    expect(held?.Address).to.equal('127.0.0.1');
    expect(Object.keys(held!.registrations).sort()).to.deep.equal(['web-vm1-8080', 'web-vm1-8080-sidecar']);
    const { service, checks } = held!.registrations['web-vm1-8080-sidecar']!;
    expect(service.Meta).to.include({ platform: 'vm', site: SITE, node: 'vm1', version: 'v2', zone: 'eu-1a' });
    expect(service.Proxy?.Upstreams?.[0]).to.include({ DestinationName: 'db', LocalBindPort: 5432 });
    expect(checks[0]).to.include({ Status: 'passing', Output: 'GET / answered 200' });
  });

  it('makes no request to Consul for a beat that says nothing new, though a passing output reads differently', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    const requests = await bridge.requestsOf(async () => {
      for (const output of ['200 in 3 ms', '200 in 4 ms']) await vm.beat([anInstance('web', 'vm1', { output })]);
    });
    expect(requests).to.deep.equal([]);
  });

  it('makes one request for a transition, and has written it when it answers', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    const requests = await bridge.requestsOf(() =>
      vm.beat([anInstance('web', 'vm1', { health: 'critical', output: 'connection refused' })]),
    );
    expect(requests).to.deep.equal(['PUT /txn']);
    for (const check of await checksOf('vm1')) {
      expect(check).to.include({ Status: 'critical', Output: 'connection refused' });
    }
  });

  it('removes an instance that a beat no longer names', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1'), anInstance('web', 'vm1', { appPort: 8081, bindsUpstreams: false })]);
    await vm.beat([anInstance('web', 'vm1', { appPort: 8081, bindsUpstreams: false })]);
    expect(Object.keys((await node('vm1'))!.registrations).sort()).to.deep.equal([
      'web-vm1-8081',
      'web-vm1-8081-sidecar',
    ]);
    await vm.beat([]);
    expect(await node('vm1')).to.equal(undefined);
  });

  it('turns every check of a silent host critical in one request when its lease is over, and revives it with its next beat', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1'), anInstance('web', 'vm1', { appPort: 8081, bindsUpstreams: false })]);
    await bridge.clock.advance(LEASE_MS - 100);
    expect((await checksOf('vm1')).map((check) => check.Status)).to.deep.equal(Array(4).fill('passing'));

    const requests = await bridge.requestsOf(async () => {
      await bridge.clock.advance(200);
      await eventually(async () => expect((await checksOf('vm1'))[0]!.Status).to.equal('critical'));
    });
    expect(requests.filter((request) => request === 'PUT /txn')).to.have.length(1);
    for (const check of await checksOf('vm1')) {
      expect(check.Status).to.equal('critical');
      expect(check.Output).to.match(LOST);
    }
    await vm.beat([anInstance('web', 'vm1'), anInstance('web', 'vm1', { appPort: 8081, bindsUpstreams: false })]);
    expect((await checksOf('vm1')).map((check) => check.Status)).to.deep.equal(Array(4).fill('passing'));
  });

  it('keeps instances over a restart, gives their host a full lease, and takes its beats without a new join', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    await bridge.clock.advance(LEASE_MS - 1000);
    await bridge.restart();
    await bridge.clock.advance(LEASE_MS - 1000);
    expect((await checksOf('vm1'))[0]!.Status).to.equal('passing');
    const requests = await bridge.requestsOf(async () => {
      const reply = await bridge
        .client({ certificate: vm.answer.certificate, key: vm.key })
        .post('/v1/beat', { address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: [] });
      expect(reply.status).to.equal(200);
    });
    expect(requests).to.deep.equal([]);
  });

  it('deregisters the instances of a host 72 h after its death, counted over restarts, and takes it back when it beats', async () => {
    // Days pass for the bridge. Its clients have the real clock, to which no certificate may be from the future.
    const bridge = await openAnother({ startMs: Date.now() - 5 * 24 * 3_600_000 });
    const node = (host: string) => bridge.reader.readNode(`vm.${SITE}.${host}`);
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    await bridge.clock.advance(LEASE_MS + 2000);
    await eventually(async () => expect(await recordOf(bridge, 'vm1')).to.have.property('diedAt'));
    bridge.clock.freeze(DEREGISTER_AFTER_MS / 2);
    await bridge.restart();
    expect(await node('vm1')).not.to.equal(undefined);
    bridge.clock.freeze(DEREGISTER_AFTER_MS / 2);
    await bridge.clock.advance(LEASE_MS);
    await eventually(async () => expect(await node('vm1')).to.equal(undefined));

    // Its certificate has run out meanwhile, and it renews it by itself.
    const client = bridge.client({ certificate: vm.answer.certificate, key: vm.key });
    const beat = { address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: [] };
    expect((await client.post('/v1/beat', beat)).body.code).to.equal('certificateExpired');
    const renewed = await client.post('/v1/renew', { csr: await makeRequest(vm.key, 'vm1') });
    expect(renewed.status, JSON.stringify(renewed.body)).to.equal(200);
    const again = bridge.client({ certificate: renewed.body.certificate, key: vm.key });
    expect((await again.post('/v1/beat', beat)).status).to.equal(200);
    expect(Object.values((await node('vm1'))!.registrations)[0]!.checks[0]!.Status).to.equal('passing');
  });

  it('holds its judgement while Consul is down, and writes what came of it as soon as Consul is back', async () => {
    const bridge = open();
    bridge.admit('web');
    const [vm1, vm2] = [await bridge.join('vm1', 'web'), await bridge.join('vm2', 'web')];
    await vm1.beat([anInstance('web', 'vm1')]);
    await vm2.beat([anInstance('web', 'vm2')]);
    await bridge.consul.goDown();
    const beating = vm2.beat([anInstance('web', 'vm2', { health: 'critical', output: 'no' })]);
    const reply = await advancing(bridge, beating, 1000);
    expect(reply.status).to.equal(200);
    expect(reply.body.problems).to.have.length(1);
    for (let beats = 0; beats < 5; beats += 1) {
      await bridge.clock.advance(1500);
      await vm2.beat([anInstance('web', 'vm2', { health: 'critical', output: 'no' })]);
    }
    await bridge.consul.comeBack();
    await eventually(async () => {
      await bridge.clock.advance(1000);
      await vm2.beat([anInstance('web', 'vm2', { health: 'critical', output: 'no' })]);
      expect((await checksOf('vm1'))[0]!.Output).to.match(LOST);
      expect((await checksOf('vm2'))[0]!.Output).to.equal('no');
    });
  });

  it('mends what somebody else changed in Consul, within its verification', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    await bridge.reader.apply([{ op: 'delete-node', node: `vm.${SITE}.vm1` }]);
    for (let beats = 0; beats < 20; beats += 1) {
      await bridge.clock.advance(2000);
      await vm.beat([anInstance('web', 'vm1')]);
    }
    await eventually(async () => expect((await node('vm1'))?.registrations).to.have.property('web-vm1-8080'));
  });

  it('issues Consul tokens for joined services only, and ends them when the service is left', async () => {
    const bridge = open();
    bridge.admit('web');
    bridge.admit('other');
    const vm = await bridge.join('vm1', 'web');
    const reply = await vm.beat([anInstance('web', 'vm1')], { wantTokens: ['web', 'other'] });
    expect(reply.body.tokens).to.have.length(1);
    expect(reply.body.refused).to.have.length(1);
    expect(reply.body.refused[0].message).to.include('landbridge vm invite other --site rack-1');
    const [{ service, token, expiresAt }] = reply.body.tokens;
    expect(service).to.equal('web');
    expect(Date.parse(expiresAt) - Date.now()).to.be.within(3_500_000, 3_700_000);
    expect(await bridge.reader.acl.listTokens({ authMethod: 'landbridge-bridge' })).to.have.length(1);
    // The answer was lost: the same one again, and no second login.
    expect((await vm.beat([], { wantTokens: ['web'] })).body.tokens[0].token).to.equal(token);
    await bridge.clock.advance(10_000);
    expect((await vm.beat([], { wantTokens: ['web'] })).body.tokens[0].token).not.to.equal(token);
    // A stream of its Envoy may still have the old one, which expires by itself.
    await vm.beat([]);
    expect(await bridge.reader.acl.listTokens({ authMethod: 'landbridge-bridge' })).to.have.length(2);
    expect((await vm.client.post('/v1/leave', { services: [] })).status).to.equal(200);
    await eventually(async () =>
      expect(await bridge.reader.acl.listTokens({ authMethod: 'landbridge-bridge' })).to.have.length(0),
    );
  });

  it('takes a service out when its MeshService stops admitting the site, and names the line to add', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    bridge.meshServices.list[0]!.sites = ['rack-2'];
    const reply = await vm.beat([anInstance('web', 'vm1')]);
    expect(reply.body.services).to.deep.equal([]);
    expect(reply.body.refused[0].message).to.include('add "rack-1" to spec.workloads.external.sites');
    const listed = await bridge.ask<InstancesAnswer>('GET', '/v1/instances');
    expect(listed.notAdmitted).to.deep.equal([
      { site: SITE, host: 'vm1', service: 'web', message: reply.body.refused[0].message },
    ]);
    expect(await node('vm1')).to.equal(undefined);
    bridge.meshServices.list[0]!.sites = [SITE];
    await vm.beat([anInstance('web', 'vm1')]);
    expect(await node('vm1')).not.to.equal(undefined);
  });

  it('keeps an instance in the catalog when its MeshService is deleted, says so, and lets nobody new in', async () => {
    const bridge = open();
    const upstreams = [{ service: 'db', localPort: 5432 }];
    bridge.admit('web', { upstreams });
    const vm = await bridge.join('vm1', 'web');
    const instance = anInstance('web', 'vm1');
    await vm.beat([instance], { wantTokens: ['web'] });
    const before = await node('vm1');
    const given = await bridge.invite('web');
    const [facts] = bridge.meshServices.list;
    for (const [why, left] of [
      ['is being deleted', [{ ...facts!, deleting: true }]],
      ['no MeshService has the Consul name "web"', []],
    ] as const) {
      bridge.meshServices.list = [...left];
      await bridge.clock.advance(9000);
      const { status, body } = await vm.beat([instance], { wantTokens: ['web'] });
      expect(status).to.equal(200);
      expect(body.refused).to.deep.equal([]);
      expect(body.problems[0]).to.match(new RegExp(`^web goes on as it was: .*${why}`));
      expect(body.tokens, 'its sidecar goes on too').to.have.length(1);
      expect(await node('vm1')).to.deep.equal(before);
      const { instances } = await bridge.ask<InstancesAnswer>('GET', '/v1/instances');
      expect(instances[0]).to.include({ health: 'passing' });
      expect(instances[0]!.note).to.include(why);
    }
    // Its health and its port still turn.
    await vm.beat([{ ...instance, sidecarPort: 21_001, health: 'critical', output: 'gone' }]);
    const sidecar = (await node('vm1'))!.registrations['web-vm1-8080-sidecar']!;
    expect(sidecar.service).to.include({ Port: 21_001 });
    expect(sidecar.service.Proxy?.Upstreams).to.have.length(1);
    expect(sidecar.checks[0]).to.include({ Status: 'critical', Output: 'gone' });
    // Also after a restart of the bridge.
    await bridge.restart();
    expect((await vm.beat([instance])).status).to.equal(200);
    expect(await node('vm1')).to.deep.equal(before);
    const late = await bridge.joinWith(bridge.client(), given, 'vm2', await makeKey());
    expect(late.body.code).to.equal('siteNotAdmitted');
    expect(await bridge.invite('web').catch((error: Error) => error.message)).to.include('no MeshService has');
  });

  it('releases the mass-loss brake of a site when an operator says so, and puts it back', async () => {
    const bridge = open();
    bridge.admit('web');
    const hosts = ['vm1', 'vm2', 'vm3', 'vm4', 'vm5'];
    for (const host of hosts) await (await bridge.join(host, 'web')).beat([anInstance('web', host)]);
    const health = async () =>
      (await bridge.ask<InstancesAnswer>('GET', '/v1/instances')).instances.map((row) => row.health);
    await bridge.clock.advance(20_000);
    expect(new Set(await health())).to.deep.equal(new Set(['passing']));
    const release = (site: string, releaseSeconds: number) => bridge.ask('POST', '/v1/brake', { site, releaseSeconds });
    expect(await release(SITE, 60)).to.deep.equal({ site: SITE, held: hosts });
    await bridge.clock.advance(5000);
    // Each machine is one write to Consul, and the clock waits for no write.
    await eventually(async () => expect(new Set(await health())).to.deep.equal(new Set(['critical'])));
    const { released } = await bridge.ask<InstancesAnswer>('GET', '/v1/instances');
    expect(released?.[0]?.forMs).to.be.within(50_000, 55_000);
    await release(SITE, 0);
    expect((await bridge.ask<InstancesAnswer>('GET', '/v1/instances')).released).to.deep.equal([]);
    expect(await release('nowhere', 60).catch((error: Error) => error.message)).to.include('no host has joined');
  });

  it('keeps 20 of 25 silent machines up, and releases the brake when they beat again', async () => {
    const bridge = open();
    bridge.admit('web');
    const hosts = Array.from({ length: 25 }, (_, index) => `vm${index}`);
    const joined = await Promise.all(hosts.map((host) => bridge.join(host, 'web')));
    const beatAll = (from: number) =>
      Promise.all(joined.slice(from).map((vm, index) => vm.beat([anInstance('web', hosts[from + index]!)])));
    await beatAll(0);
    const down = async () =>
      (await bridge.reader.health('web'))
        .filter(({ status }) => status === 'critical')
        .map(({ service }) => service.ID);
    const brakes = async () => (await bridge.ask<InstancesAnswer>('GET', '/v1/instances')).brakes;
    // Its network to the first 20 is gone for five leases; the last 5 beat on.
    for (let third = 0; third < 15; third += 1) {
      await bridge.clock.advance(LEASE_MS / 3);
      await beatAll(20);
      expect(await down()).to.deep.equal([]);
    }
    expect((await brakes())[0]!.held).to.have.members(hosts.slice(0, 20));
    await beatAll(0);
    await bridge.clock.advance(LEASE_MS / 3);
    expect(await brakes()).to.deep.equal([]);
    expect(await down()).to.deep.equal([]);
    // And then one machine that dies is one machine that dies.
    await beatAll(1);
    await bridge.clock.advance(LEASE_MS / 2);
    await beatAll(1);
    await bridge.clock.advance(LEASE_MS / 2);
    await eventually(async () => expect(await down()).to.deep.equal(['web-vm0-8080']));
  });

  it('ends the token of a service that is not admitted any longer', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')], { wantTokens: ['web'] });
    bridge.meshServices.list[0]!.sites = [];
    const reply = await vm.beat([anInstance('web', 'vm1')], { wantTokens: ['web'] });
    expect(reply.body.tokens).to.deep.equal([]);
    await eventually(async () =>
      expect(await bridge.reader.acl.listTokens({ authMethod: 'landbridge-bridge' })).to.have.length(0),
    );
  });

  it('knows a key until the one after it has been renewed in its turn, and not longer', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    const first = { certificate: vm.answer.certificate, key: vm.key };
    const renewed = async (by: { certificate: string; key: string }) => {
      const key = await makeKey();
      const reply = await bridge.client(by).post('/v1/renew', { csr: await makeRequest(key, 'vm1') });
      expect(reply.status, JSON.stringify(reply.body)).to.equal(200);
      return { certificate: reply.body.certificate as string, key };
    };
    const beatOf = async (by: { certificate: string; key: string }) =>
      (await bridge.client(by).post('/v1/beat', { address: '127.0.0.1', instances: [], wantTokens: [] })).body.code;
    const second = await renewed(first);
    // The answer may have been lost: the first key is still good.
    expect(await beatOf(first)).to.equal(undefined);
    const third = await renewed(second);
    expect(await beatOf(third)).to.equal(undefined);
    expect(await beatOf(first)).to.equal('keyUnknown');
  });

  it('leaves lapsed hosts lapsed over a restart, and counts them for no mass loss', async () => {
    const bridge = open();
    bridge.admit('web');
    const hosts = ['vm1', 'vm2', 'vm3', 'vm4', 'vm5'];
    for (const host of hosts) {
      await (await bridge.join(host, 'web')).beat([anInstance('web', host)]);
      // One after the other: no brake.
      await bridge.clock.advance(3 * LEASE_MS);
    }
    const live = await bridge.join('vm6', 'web');
    await live.beat([anInstance('web', 'vm6')]);
    await bridge.restart();
    await bridge.clock.advance(LEASE_MS + 1000);
    const { brakes } = await bridge.ask<InstancesAnswer>('GET', '/v1/instances');
    expect(brakes).to.deep.equal([]);
    for (const host of ['vm6', ...hosts])
      await eventually(async () => expect((await checksOf(host))[0]!.Output).to.match(LOST));
  });

  it('refuses nobody while it has not read the MeshServices, and still writes transitions', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    bridge.meshServices.hasSynced = false;
    const reply = await vm.beat([anInstance('web', 'vm1', { health: 'critical', output: 'down' })]);
    expect(reply).to.deep.include({ status: 503 });
    expect(reply.body.code).to.equal('meshServicesUnknown');
    expect((await checksOf('vm1')).map((check) => check.Output)).to.deep.equal(['down', 'down']);
  });

  it('lets a host leave one service and keep another, and forgets it with the last one', async () => {
    const bridge = open();
    bridge.admit('web');
    bridge.admit('cron');
    const vm = await bridge.join('vm1', 'web');
    const second = await bridge.joinWith(vm.client, await bridge.invite('cron'), 'vm1', vm.key);
    expect(second.status, JSON.stringify(second.body)).to.equal(200);
    const both = [anInstance('web', 'vm1'), anInstance('cron', 'vm1', { appPort: 9000, sidecarPort: 21_001 })];
    await vm.beat(both);
    expect((await vm.client.post('/v1/leave', { services: ['web'] })).body).to.deep.equal({ services: ['cron'] });
    expect(Object.keys((await node('vm1'))!.registrations))
      .to.include('cron-vm1-9000')
      .and.not.include('web-vm1-8080');
    expect((await vm.client.post('/v1/leave', { services: [] })).body).to.deep.equal({ services: [] });
    expect(await node('vm1')).to.equal(undefined);
    expect(await bridge.reader.kvList('landbridge/hosts/')).to.deep.equal([]);
    expect((await vm.beat(both)).body.code).to.equal('hostUnknown');
  });

  it('leaves nothing of a host that left, though it beat while its record was being removed', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    const { hosts } = bridge.running.bridge;
    const { erase } = hosts;
    hosts.erase = async (host) => {
      const late = bridge.client({ certificate: vm.answer.certificate, key: vm.key });
      const beat = { address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: [] };
      expect((await late.post('/v1/beat', beat)).status).to.equal(200);
      expect(await node('vm1')).not.to.equal(undefined);
      await erase(host);
    };
    expect((await vm.client.post('/v1/leave', { services: [] })).body).to.deep.equal({ services: [] });
    expect(await node('vm1')).to.equal(undefined);
    expect(await bridge.reader.kvList('landbridge/hosts/')).to.deep.equal([]);
  });

  it('takes no beat whose body came after its host had been revoked', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    // The revocation cannot cut what it does not know of: as when all of the body is there and not read yet.
    bridge.running.bridge.connections.note = () => undefined;
    const reply = await slowPost(bridge, vm, '/v1/beat', async () => {
      const other = await bridge.ask<{ host: string }>('POST', '/v1/revoke', { site: SITE, host: 'vm1' });
      expect(other.host).to.equal('vm1');
    });
    expect(reply).to.include('hostRevoked');
    expect(await node('vm1')).to.equal(undefined);
  });

  it('answers a beat in time that asks for a token of a Consul that hangs', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    bridge.running.bridge.tokens.issue = () => new Promise(() => {});
    const asked = vm.beat([anInstance('web', 'vm1')], { wantTokens: ['web'] });
    const reply = await advancing(bridge, asked, LEASE_MS / 4);
    expect(reply.status).to.equal(200);
    expect(reply.body.problems).to.deep.equal(['no Consul token for "web" yet: ask again']);
  });

  it('cuts a revoked host off at once: instances, tokens, the live connection and its key', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')], { wantTokens: ['web'] });
    expect(vm.client.connected()).to.equal(true);
    const answer = await bridge.ask<object>('POST', '/v1/revoke', { site: SITE, host: 'vm1' });
    expect(answer).to.deep.equal({ site: SITE, host: 'vm1', connections: 1, problems: [] });
    expect(await node('vm1')).to.equal(undefined);
    await eventually(async () => expect(vm.client.connected()).to.equal(false));
    await eventually(async () =>
      expect(await bridge.reader.acl.listTokens({ authMethod: 'landbridge-bridge' })).to.have.length(0),
    );
    for (const attempt of ['before', 'after a restart']) {
      const again = await bridge
        .client({ certificate: vm.answer.certificate, key: vm.key })
        .post('/v1/beat', { address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: [] });
      expect(again.body.code, attempt).to.equal('hostRevoked');
      await bridge.restart();
    }
    expect(await node('vm1')).to.equal(undefined);
  });

  it('ends the tokens of a host that it issued before a restart', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')], { wantTokens: ['web'] });
    await eventually(async () => expect(await bridge.reader.kvList('landbridge/tokens/')).to.have.length(1));
    await bridge.restart();
    await bridge.ask('POST', '/v1/revoke', { site: SITE, host: 'vm1' });
    await eventually(async () => {
      expect(await bridge.reader.acl.listTokens({ authMethod: 'landbridge-bridge' })).to.have.length(0);
      expect(await bridge.reader.kvList('landbridge/tokens/')).to.have.length(0);
    });
  });

  it('lets a revoked name come back with a new key and an invite made since, and not with less', async () => {
    const bridge = open();
    bridge.admit('web');
    const before = await bridge.invite('web');
    const vm = await bridge.join('vm1', 'web');
    await bridge.clock.advance(1000);
    await bridge.ask('POST', '/v1/revoke', { site: SITE, host: 'vm1' });
    await bridge.clock.advance(1000);
    const newKey = await makeKey();
    expect((await bridge.joinWith(bridge.client(), before, 'vm1', newKey)).body.code).to.equal('hostRevoked');
    const since = await bridge.invite('web');
    expect((await bridge.joinWith(bridge.client(), since, 'vm1', vm.key)).body.code).to.equal('hostRevoked');
    expect((await bridge.joinWith(bridge.client(), since, 'vm1', newKey)).status).to.equal(200);
  });

  it('gives way to a bridge that was started after it, before it marks anybody down', async () => {
    const bridge = open();
    bridge.admit('web');
    const vm = await bridge.join('vm1', 'web');
    await vm.beat([anInstance('web', 'vm1')]);
    const old = bridge.running;
    await bridge.startSecond();
    await bridge.clock.advance(LEASE_MS - 1000);
    const client = bridge.client({ certificate: vm.answer.certificate, key: vm.key });
    const beat = { address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: [] };
    expect((await client.post('/v1/beat', beat)).status).to.equal(200);
    // The old one has heard nothing for a whole lease by now; the new one hears again, and is not made to wait a lease.
    await bridge.clock.advance(LEASE_MS - 1000);
    expect((await client.post('/v1/beat', beat)).status).to.equal(200);
    await advancing(bridge, old.stopped, LEASE_MS - 1000);
    expect((await checksOf('vm1'))[0]!.Status).to.equal('passing');
    expect((await client.post('/v1/beat', beat)).status).to.equal(200);
  });

  it('lists instances with how long their host has been silent, and the brake that keeps many silent ones up', async () => {
    const bridge = open();
    bridge.admit('web');
    const hosts = ['vm1', 'vm2', 'vm3', 'vm4', 'vm5'];
    for (const host of hosts) await (await bridge.join(host, 'web')).beat([anInstance('web', host)]);
    await bridge.clock.advance(LEASE_MS + 2000);
    const { instances, brakes } = await bridge.ask<InstancesAnswer>('GET', '/v1/instances');
    expect(brakes).to.deep.equal([{ site: SITE, held: hosts }]);
    expect(instances.map(({ host, health, silentMs }) => [host, health, silentMs])).to.deep.equal(
      hosts.map((host) => [host, 'passing', LEASE_MS + 2000]),
    );
    expect((await checksOf('vm1'))[0]!.Status).to.equal('passing');
  });
}

async function recordOf(bridge: BridgeUnderTest, host: string): Promise<object> {
  return JSON.parse((await bridge.reader.kvGet(`landbridge/hosts/${SITE}/${host}`))!.value) as object;
}

/** Sends a beat of one instance up to its last byte, does `meanwhile`, and then sends that. Gives the answer as text. */
async function slowPost(
  bridge: BridgeUnderTest,
  vm: { answer: { certificate: string }; key: string },
  path: string,
  meanwhile: () => Promise<void>,
): Promise<string> {
  const identity = { ca: bridge.caPem, cert: vm.answer.certificate, key: vm.key, servername: 'landbridge-bridge' };
  const socket = connect({ host: '127.0.0.1', port: bridge.running.port, ...identity });
  const body = JSON.stringify({ address: '127.0.0.1', instances: [anInstance('web', 'vm1')], wantTokens: [] });
  const head = `POST ${path} HTTP/1.1\r\nhost: bridge\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`;
  const heard = (): Promise<string> =>
    new Promise((resolve, reject) => {
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      socket.once('error', reject);
    });
  // The server says "continue" when it has taken the head and waits for the body.
  const taken = heard();
  socket.write(head + body.slice(0, -1));
  expect(await taken).to.include('100 Continue');
  await meanwhile();
  const answered = heard();
  socket.write(body.slice(-1));
  const answer = await answered;
  socket.destroy();
  return answer;
}
