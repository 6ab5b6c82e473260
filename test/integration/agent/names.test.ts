import { randomUUID } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { systemClock } from '../../../base/clock.ts';
import { type Names, startNames } from '../../../agent/names/names.ts';
import { type State, openState } from '../../../agent/state/state.ts';
import { askDns, readAnswer } from '../../../clients/dns/ask-dns.ts';
import type { NamesRequest } from '../../../mesh/outside/bridge-api.ts';
import { dnsPolicy } from '../../../operator/bootstrap/policies.ts';
import { appOf, nodeOf } from '../../contract/consul/consul-builders.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RealConsul, startConsul } from '../../support/real/consul.ts';

const NAME = 'web.service.consul';
const ADDRESSES = ['10.1.2.3', '10.1.2.4'];

/** The agent's DNS server over UDP and TCP, before a real Consul with ACLs on, without the bridge between them. */
describe('names on a machine, of a real Consul', function () {
  this.timeout(120_000);
  let consul: RealConsul;
  let folder: string;
  let state: State;
  let names: Names | undefined;
  let resolver: Resolver;
  const ask = (question: NamesRequest): Promise<Buffer> => askDns(consul.dns!, question, 1500);

  before(async () => {
    const token = randomUUID();
    consul = await startConsul({ acl: true, dns: { token } });
    const client = consul.connect();
    try {
      const node = nodeOf('vm.rack-1.vm1');
      const registrations = ADDRESSES.map((Address, n) => {
        const { service, checks } = appOf(`web-${n}`, 'web');
        return { service: { ...service, Address }, checks };
      });
      const outcomes = await client.apply([
        { op: 'set-node', node },
        ...registrations.map((registration) => ({ op: 'register' as const, node, registration })),
      ]);
      expect(outcomes.filter(({ ok }) => !ok)).to.deep.equal([]);
      expect(readAnswer(await ask({ name: NAME, type: 'A' })).code, 'before the token may read').not.to.equal(
        'NOERROR',
      );
      await client.acl.upsertPolicy(dnsPolicy);
      await client.acl.upsertToken({
        accessorId: randomUUID(),
        secretId: token,
        description: '',
        policies: [dnsPolicy.name],
      });
      await eventually('Consul resolves', 10_000, async () => {
        const { code } = readAnswer(await ask({ name: NAME, type: 'A' }));
        return code === 'NOERROR' ? true : Promise.reject(new Error(code));
      });
    } finally {
      client.close();
    }
    folder = await mkdtemp(join(tmpdir(), 'landbridge-names-'));
    state = openState(folder);
    await start();
  });
  after(async () => {
    await names?.close();
    await consul?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    const [port = 0] = await freePorts(1);
    const at = { host: '127.0.0.1', port };
    const log = pino({ level: 'silent' });
    const upstreams = () => [{ service: 'add-svc', localPort: 9191 }];
    names = await startNames({ at, state, ask, upstreams, clock: systemClock, log });
    resolver = new Resolver({ timeout: 3000, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    await eventually('it listens', 5000, () => resolver.resolve4('add-svc.virtual.consul'));
    expect(names.status().problem).to.equal(undefined);
  }

  it('are resolved as A, AAAA and SRV, and refused elsewhere', async () => {
    expect(await resolver.resolve4(NAME)).to.have.members(ADDRESSES);
    expect(await resolver.resolve6(NAME).catch((error: { code: string }) => error.code)).to.equal('ENODATA');
    const records = await resolver.resolveSrv(NAME);
    expect(records.map(({ port }) => port)).to.deep.equal([8080, 8080]);
    const code = (name: string) => resolver.resolve4(name).catch((error: { code: string }) => error.code);
    expect(await code('nobody.service.consul')).to.equal('ENOTFOUND');
    expect(await code('example.org')).to.equal('EREFUSED');
    const [virtual] = await resolver.resolveSrv('add-svc.virtual.consul');
    expect(virtual).to.include({ name: 'add-svc.virtual.consul', port: 9191 });
  });

  it('are resolved 1,000 times while Consul is away, and by an agent that starts then', async () => {
    await resolver.resolve4(NAME);
    await consul.goDown();
    const failures: string[] = [];
    const lookUp = () => resolver.resolve4(NAME).catch((error: Error) => void failures.push(error.message));
    for (let n = 0; n < 100; n += 1) await Promise.all(Array.from({ length: 10 }, lookUp));
    expect(failures).to.deep.equal([]);
    await names!.close();
    await start();
    expect(await resolver.resolve4(NAME)).to.have.members(ADDRESSES);
    await eventually('the failure is told', 10_000, async () => {
      await resolver.resolve4(NAME);
      const { problem } = names!.status();
      return problem === undefined ? Promise.reject(new Error('none')) : true;
    });
    const never = await resolver.resolve4('other.service.consul').catch((error: { code: string }) => error.code);
    expect(never, 'what nobody asked for before').to.equal('ESERVFAIL');
  });

  it('are up to date again as soon as Consul is back', async () => {
    await consul.comeBack();
    await eventually('a name that was not known', 20_000, () => resolver.resolve4('consul.service.consul'));
  });
});
