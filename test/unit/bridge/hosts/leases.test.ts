import { expect } from 'chai';
import pino from 'pino';
import type { Host } from '../../../../bridge/hosts/hosts.ts';
import { type Leases, createLeases } from '../../../../bridge/hosts/leases.ts';
import { type FakeClock, fakeClock } from '../fake-clock.ts';

const LEASE_MS = 6000;

describe('the judge of leases', () => {
  let clock: FakeClock;
  let hosts: Host[];
  let lapsed: string[];
  let leases: Leases;
  let stop: AbortController;

  const aHost = (host: string, site = 'rack-1'): Host => ({
    site,
    host,
    node: `vm.${site}.${host}`,
    owner: `bridge/${site}/${host}`,
    held: undefined,
    lease: { host, heardAtMs: clock.steady(), down: false },
    diedAtMs: undefined,
    claim: undefined,
    rival: undefined,
    heardHere: false,
    saving: Promise.resolve(),
  });
  const hear = (...names: string[]) => {
    for (const host of hosts.filter(({ host }) => names.includes(host))) leases.heard(host);
  };
  const start = (...names: string[]) => {
    hosts = names.map((name) => aHost(name));
    void leases.run(stop.signal);
  };

  beforeEach(() => {
    clock = fakeClock();
    lapsed = [];
    stop = new AbortController();
    leases = createLeases({
      hosts: () => hosts,
      clock,
      leaseMs: LEASE_MS,
      log: pino({ level: 'silent' }),
      onLapse: ({ host }) => void lapsed.push(host),
      onJudged: () => undefined,
    });
  });
  afterEach(() => stop.abort());

  it('tells a lapse within 10 ms of the end of the lease, and once', async () => {
    start('a', 'b');
    await clock.advance(3000);
    hear('b');
    await clock.advance(2999);
    expect(lapsed).to.deep.equal([]);
    await clock.advance(11);
    expect(lapsed).to.deep.equal(['a']);
    await clock.advance(2000);
    expect(lapsed).to.deep.equal(['a']);
  });

  it('dates the death at the lapse, and forgets it when the host beats again', async () => {
    start('a');
    await clock.advance(LEASE_MS + 10);
    expect(hosts[0]!.diedAtMs).to.be.within(clock.now() - 10, clock.now());
    expect(hosts[0]!.lease.down).to.equal(true);
    hear('a');
    expect(hosts[0]).to.deep.include({ diedAtMs: undefined });
    expect(hosts[0]!.lease).to.deep.equal({ host: 'a', heardAtMs: clock.steady(), down: false });
    await clock.advance(LEASE_MS - 10);
    expect(lapsed).to.deep.equal(['a']);
  });

  it('counts no time in which the bridge itself was stopped as silence', async () => {
    start('a', 'b');
    await clock.advance(1000);
    clock.freeze(60_000);
    await clock.advance(LEASE_MS - 1500);
    expect(lapsed).to.deep.equal([]);
    await clock.advance(2000);
    expect(lapsed).to.deep.equal(['a', 'b']);
  });

  it('turns the brake on for the site that lost many, and for no other', async () => {
    hosts = [...['a', 'b', 'c', 'd', 'e'].map((name) => aHost(name)), aHost('x', 'rack-2'), aHost('y', 'rack-2')];
    void leases.run(stop.signal);
    await clock.advance(LEASE_MS + 100);
    expect(leases.brakes()).to.deep.equal([{ site: 'rack-1', held: ['a', 'b', 'c', 'd', 'e'] }]);
    expect(lapsed).to.deep.equal(['x', 'y']);
  });

  it('releases the brake when enough hosts beat, and gives the last ones another beat', async () => {
    start('a', 'b', 'c', 'd', 'e');
    await clock.advance(LEASE_MS + 100);
    hear('a', 'b', 'c');
    await clock.advance(1000);
    expect(leases.brakes()).to.deep.equal([]);
    expect(lapsed).to.deep.equal([]);
    hear('d');
    await clock.advance(2000);
    expect(lapsed).to.deep.equal(['e']);
  });

  it('has no brake at a site while an operator has released it', async () => {
    const told: (string | undefined)[] = [];
    leases = createLeases({
      hosts: () => hosts,
      clock,
      leaseMs: LEASE_MS,
      log: pino({ level: 'silent' }),
      onLapse: ({ host }) => void lapsed.push(host),
      onJudged: () => undefined,
      onBrake: (site, held) => told.push(`${site} ${held?.join() ?? 'off'}`),
    });
    start('a', 'b', 'c', 'd', 'e');
    await clock.advance(20_000);
    expect(lapsed).to.deep.equal([]);
    expect(told).to.deep.equal(['rack-1 a,b,c,d,e']);
    expect(leases.release('rack-1', 60_000)).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    await clock.advance(600);
    expect(told.at(-1)).to.equal('rack-1 off');
    hear('e');
    // The others get one more beat.
    expect(lapsed).to.deep.equal([]);
    await clock.advance(3000);
    expect(lapsed).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(leases.released()[0]?.forMs).to.equal(56_400);
    await clock.advance(56_400);
    expect(leases.released()).to.deep.equal([]);
  });

  it('judges at most a dozen times a lease while a brake is on', async () => {
    start('a', 'b', 'c', 'd', 'e');
    await clock.advance(LEASE_MS + 100);
    let judged = 0;
    const judge = clock.wait;
    clock.wait = (ms, signal) => {
      judged += 1;
      return judge(ms, signal);
    };
    await clock.advance(LEASE_MS);
    expect(judged).to.be.within(6, 13);
  });
});
