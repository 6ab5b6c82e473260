import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { RegisterAnswer } from '../../../../mesh/outside/bridge-api.ts';
import type { AdoptAnswer, InstancesAnswer } from '../../../../mesh/outside/bridge-api.ts';
import { type BridgeUnderTest, SITE } from '../bridge-under-test.ts';
import { eventually } from '../bridge-waiting.ts';

/** Machines that nobody may touch: registered by hand, checked by the bridge. */
export function externalContract(open: () => BridgeUnderTest): void {
  let app: Server;
  let status = 200;
  let asked = 0;
  const port = (): number => (app.address() as AddressInfo).port;
  const registration = (more: object = {}) => ({
    site: SITE,
    service: 'ledger',
    address: '127.0.0.1',
    port: port(),
    check: { type: 'http', path: '/health', intervalMs: 1000, timeoutMs: 500 },
    tags: ['legacy'],
    meta: { team: 'books' },
    ...more,
  });
  const put = (more: object = {}, name = 'ledger') =>
    open().ask<RegisterAnswer>('PUT', `/v1/external/${name}`, registration(more));
  const node = (name = 'ledger') => open().reader.readNode(`ext.${SITE}.${name}`);
  const checkOf = async () => Object.values((await node())!.registrations)[0]!.checks[0]!;

  beforeEach(async () => {
    status = 200;
    asked = 0;
    app = createServer((request, response) => {
      asked += 1;
      response.writeHead(request.url === '/health' ? status : 404).end();
    });
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    app.close();
    app.closeAllConnections();
  });

  it("writes a node with Consul's conventions for external nodes, one service and one check", async () => {
    expect(await put()).to.deep.include({ name: 'ledger', site: SITE, health: 'passing', problems: [] });
    const held = await node();
    expect(held!.Meta).to.include({
      'external-node': 'true',
      'external-probe': 'false',
      'landbridge-owner': `bridge/${SITE}/ledger`,
    });
    const [registration, ...others] = Object.values(held!.registrations);
    expect(others).to.deep.equal([]);
    expect(registration!.service).to.deep.include({ Service: 'ledger', Address: '127.0.0.1', Port: port() });
    expect(registration!.service.Tags).to.deep.equal(['legacy']);
    expect(registration!.service.Meta).to.include({ team: 'books', platform: 'external', site: SITE });
    expect(registration!.checks).to.have.length(1);
    expect(await checkOf()).to.include({ Status: 'passing', Output: 'http check: GET /health answered 200' });
  });

  it('goes on checking, and writes a flip and nothing else', async () => {
    const bridge = open();
    await put();
    const quiet = await bridge.requestsOf(async () => {
      for (let checks = 0; checks < 3; checks += 1) await checked(bridge);
    });
    expect(quiet).to.deep.equal([]);
    status = 503;
    const flipped = await bridge.requestsOf(async () => {
      await checked(bridge);
      await eventually(async () => expect((await checkOf()).Status).to.equal('critical'));
      await checked(bridge);
    });
    expect(flipped.filter((request) => request.startsWith('PUT'))).to.deep.equal(['PUT /txn']);
    expect((await checkOf()).Output).to.equal('http check: GET /health answered 503');
    status = 204;
    await checked(bridge);
    await eventually(async () => expect((await checkOf()).Status).to.equal('passing'));
  });

  it('goes on checking after a restart', async () => {
    const bridge = open();
    await put();
    await bridge.restart();
    status = 500;
    await checked(bridge);
    await eventually(async () => expect((await checkOf()).Status).to.equal('critical'));
  });

  it('checks TCP, too, and says why a connection fails', async () => {
    const answer = await put({ check: { type: 'tcp' } });
    expect(answer).to.include({ health: 'passing', output: `tcp check: connected to port ${port()}` });
    const refused = await put({ check: { type: 'tcp' }, port: 1 });
    expect(refused).to.include({ health: 'critical', output: 'tcp check: ECONNREFUSED' });
    expect(Object.values((await node())!.registrations)[0]!.service.Port).to.equal(1);
  });

  it('leaves nothing when it is deregistered, and says so when there is nothing', async () => {
    const bridge = open();
    await put();
    expect(await bridge.ask('DELETE', `/v1/external/ledger?site=${SITE}`)).to.deep.equal({
      name: 'ledger',
      site: SITE,
    });
    expect(await node()).to.equal(undefined);
    expect(await bridge.reader.kvList('landbridge/external/')).to.deep.equal([]);
    const before = asked;
    await bridge.clock.advance(5000);
    expect(asked).to.equal(before);
    const again = await bridge.ask('DELETE', `/v1/external/ledger?site=${SITE}`).catch((error: Error) => error.message);
    expect(again).to.include('no sidecar-less instance "ledger" at site "rack-1"');
  });

  it('can be deregistered again after a first try that Consul did not take', async () => {
    const bridge = open();
    await put();
    await bridge.consul.goDown();
    const path = `/v1/external/ledger?site=${SITE}`;
    expect(await bridge.ask('DELETE', path).catch((error: Error) => error.message)).to.include('ask again');
    await bridge.consul.comeBack();
    await eventually(async () => {
      await bridge.clock.advance(1000);
      await bridge.ask('DELETE', path);
    });
    expect(await node()).to.equal(undefined);
  });

  it('adds to a name that a MeshService has only where that MeshService admits it, or nobody claimed it', async () => {
    const bridge = open();
    bridge.admit('ledger', { workloads: { external: { sites: ['rack-2'] } }, speaksFirst: 'Caller' });
    expect(await put().catch((error: Error) => error.message)).to.include(
      'does not admit instances from site "rack-1"',
    );
    bridge.meshServices.list[0]!.sites.push(SITE);
    expect(await put()).to.include({ health: 'passing' });

    const claim = { 'landbridge-owner': 'k8s/other/shop/billing' };
    const entry = { Kind: 'service-defaults' as const, Name: 'billing', Protocol: 'http', Meta: claim };
    await bridge.reader.apply([{ op: 'set-config', entry, modifyIndex: 0 }]);
    const owned = await put({ service: 'billing' }, 'billing-1').catch((error: Error) => error.message);
    expect(owned).to.include('"billing" is owned by k8s/other/shop/billing');
    expect(await put({ service: 'consul' }).catch((error: Error) => error.message)).to.include(
      'Consul or Landbridge itself',
    );
  });

  it('adds to no tcp service whose server might greet callers without access, and changes one that is there', async () => {
    const bridge = open();
    const refusal = () =>
      put().then(
        ({ health }) => health,
        ({ message }: Error) => message,
      );
    for (const spec of [{}, { access: [] }, { access: [{ from: 'a' }] }, { speaksFirst: 'Server' as const }]) {
      bridge.meshServices.list.length = 0;
      bridge.admit('ledger', spec);
      expect(await refusal(), JSON.stringify(spec)).to.contain('Say spec.speaksFirst: Caller if it says nothing first');
      expect(await node()).to.equal(undefined);
    }
    bridge.meshServices.list.length = 0;
    bridge.admit('ledger', { access: [{ from: '*' }] });
    expect(await refusal()).to.equal('passing');
    bridge.meshServices.list.length = 0;
    bridge.admit('ledger', { access: [{ from: 'a' }] });
    expect(await refusal()).to.equal('passing');
  });

  it('touches no node of that name that belongs to another', async () => {
    const bridge = open();
    const theirs = { Node: `ext.${SITE}.ledger`, Address: '192.0.2.1', Meta: { 'external-node': 'true' } };
    await bridge.reader.apply([{ op: 'set-node', node: theirs }]);
    const { problems } = await put();
    expect(problems[0]).to.include(`Consul node ext.${SITE}.ledger belongs to another owner (unmarked)`);
    expect(await node()).to.deep.equal({ ...theirs, registrations: {} });
  });

  /** As a person does it with curl and a JSON file. */
  async function byHand(ID: string, meta: Record<string, string> = {}): Promise<void> {
    const node = { Node: 'legacy-1', Address: '127.0.0.1', Meta: { 'external-node': 'true', ...meta } };
    const service = {
      ID,
      Service: 'ledger',
      Address: '127.0.0.1',
      Port: port(),
      Tags: ['old'],
      Meta: { team: 'books' },
    };
    const check = { CheckID: 'by-hand', Name: 'by hand', Status: 'passing' as const, Output: 'fine', ServiceID: ID };
    await open().reader.apply([
      { op: 'set-node', node },
      { op: 'register', node, registration: { service, checks: [check] } },
    ]);
  }
  const adopt = (more: object = {}) =>
    open().ask<AdoptAnswer>('POST', '/v1/adopt', { node: 'legacy-1', id: 'ledger-1', site: SITE, ...more });

  it('takes over what was registered by hand: first the plan, then the deed, and never without an instance', async () => {
    await byHand('ledger-1');
    const listed = await open().ask<InstancesAnswer>('GET', '/v1/instances?others=true');
    expect(listed.instances).to.have.length(1);
    expect(listed.instances[0]).to.include({ id: 'ledger-1', platform: 'other', host: 'legacy-1', owner: '-' });
    const check = { type: 'http', path: '/health' };
    expect(await adopt().catch((error: Error) => error.message)).to.include('say how it is checked');
    const { plan, done } = await adopt({ check, planOnly: true });
    expect([plan.length, done]).to.deep.equal([3, false]);
    expect(await node('ledger-1')).to.equal(undefined);

    expect(await adopt({ check })).to.include({ name: 'ledger-1', done: true, health: 'passing' });
    const [instance, ...others] = await open().reader.health('ledger');
    expect(others).to.deep.equal([]);
    expect(instance!.node).to.equal(`ext.${SITE}.ledger-1`);
    expect(instance!.service).to.deep.include({ ID: 'ledger-1', Port: port(), Tags: ['old'] });
    expect(instance!.service.Meta).to.include({ team: 'books', platform: 'external' });
    const { instances } = await open().ask<InstancesAnswer>('GET', '/v1/instances?others=true');
    expect(instances).to.have.length(1);
    expect(instances[0]).to.include({ id: 'ledger-1', platform: 'external', owner: `bridge/${SITE}/ledger-1` });
    expect(Date.parse(instances[0]!.since!)).to.equal(open().clock.now());
  });

  it('takes nothing over that is another owner of ours, nor what is not there', async () => {
    await byHand('ledger-1', { 'landbridge-owner': 'bridge/rack-9/ledger-1' });
    const check = { type: 'http', path: '/health' };
    expect(await adopt({ check }).catch((error: Error) => error.message)).to.include(
      'belongs to bridge/rack-9/ledger-1',
    );
    expect(await adopt({ id: 'x', check }).catch((error: Error) => error.message)).to.include('no registration "x"');
    // Consul takes no such name in a path.
    for (const node of ['\u{71c38}e', 'a\u0000b', 'a\nb', '..', 'a/b'])
      expect(await adopt({ node, check }).catch((error: Error) => error.message), JSON.stringify(node)).to.include(
        'no registration "ledger-1" on node',
      );
    expect((await open().reader.health('ledger'))[0]!.node).to.equal('legacy-1');
  });

  it('is listed with what its last check said', async () => {
    const bridge = open();
    await put();
    status = 404;
    await checked(bridge);
    await eventually(async () => {
      const { instances } = await bridge.ask<InstancesAnswer>('GET', '/v1/instances');
      const since = instances[0]?.since;
      expect(instances).to.deep.equal([
        {
          id: 'ledger',
          service: 'ledger',
          platform: 'external',
          site: SITE,
          host: 'ledger',
          address: '127.0.0.1',
          port: port(),
          health: 'critical',
          output: 'http check: GET /health answered 404',
          owner: `bridge/${SITE}/ledger`,
          since,
        },
      ]);
    });
  });

  /** Lets one interval pass, until the check of it is through. */
  async function checked(bridge: BridgeUnderTest): Promise<void> {
    const before = asked;
    await bridge.clock.advance(1000);
    await eventually(async () => expect(asked).to.be.greaterThan(before));
    await bridge.clock.advance(0);
  }
}
