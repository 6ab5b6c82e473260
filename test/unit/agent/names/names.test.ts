import { expect } from 'chai';
import packet, { type Answer, type DecodedPacket, type RecordType } from 'dns-packet';
import { answerQuery } from '../../../../agent/names/answer-query.ts';
import { createNameCache } from '../../../../agent/names/cache.ts';
import type { KnownName } from '../../../../agent/state/state.ts';
import { virtualName } from '../../../../agent/names/virtual-name.ts';
import { fakeClock } from '../fake-clock.ts';

const ADD = { name: 'add-svc.service.consul', type: 'A' } as const;

/** The answer of Consul. */
function message(addresses: string[], { ttl = 5, code = 0 } = {}): Buffer {
  return packet.encode({
    type: 'response',
    id: 1,
    flags: code,
    questions: [{ ...ADD, class: 'IN' }],
    answers: addresses.map((data) => ({ ...ADD, ttl, data })),
    authorities:
      addresses.length > 0
        ? []
        : [
            {
              type: 'SOA',
              name: 'consul',
              ttl: 0,
              data: {
                mname: 'ns.consul',
                rname: 'hostmaster.consul',
                serial: 1,
                refresh: 1,
                retry: 1,
                expire: 1,
                minimum: 0,
              },
            },
          ],
  });
}
const addressesOf = (answer: Buffer | undefined): string[] | undefined =>
  answer && packet.decode(answer).answers!.flatMap((one) => (one.type === 'A' ? [one.data] : []));

describe('names that a machine knows', () => {
  function scene(known: Record<string, KnownName> = {}) {
    const clock = fakeClock();
    const consul = { answer: (): Promise<Buffer> => Promise.resolve(message(['10.0.0.1'])), asked: 0 };
    const ask = (): Promise<Buffer> => {
      consul.asked += 1;
      return consul.answer();
    };
    return { clock, consul, cache: createNameCache({ clock, ask, known }) };
  }
  const away = (): Promise<Buffer> => Promise.reject(new Error('no bridge answers'));

  it('are asked for once in their TTL', async () => {
    const { clock, consul, cache } = scene();
    await cache.lookUp(ADD);
    expect(addressesOf(await cache.lookUp(ADD))).to.deep.equal(['10.0.0.1']);
    expect(consul.asked).to.equal(1);
    await clock.advance(5000);
    await cache.lookUp(ADD);
    expect(consul.asked).to.equal(2);
  });

  it('stand while nobody answers, and give way as soon as somebody does', async () => {
    const { clock, consul, cache } = scene();
    await cache.lookUp(ADD);
    consul.answer = away;
    await clock.advance(3_600_000);
    for (let n = 0; n < 100; n += 1) expect(addressesOf(await cache.lookUp(ADD))).to.deep.equal(['10.0.0.1']);
    expect(consul.asked, 'nobody waits for one failure after the other').to.equal(2);
    expect(cache.problem()).to.equal('no bridge answers');
    consul.answer = () => Promise.resolve(message(['10.0.0.2']));
    await clock.advance(1000);
    expect(addressesOf(await cache.lookUp(ADD))).to.deep.equal(['10.0.0.2']);
    expect(cache.problem()).to.equal(undefined);
  });

  it('give way to the news although another name is asked for again and again and has no answer', async () => {
    const clock = fakeClock();
    let address = '10.0.0.1';
    const ask = ({ name }: { name: string }): Promise<Buffer> =>
      Promise.resolve(name === ADD.name ? message([address]) : message([], { code: 2 }));
    const cache = createNameCache({ clock, ask, known: {} });
    await cache.lookUp(ADD);
    address = '10.0.0.2';
    for (let n = 0; n < 8; n += 1) {
      await clock.advance(900);
      expect(await cache.lookUp({ name: 'bad.service.consul', type: 'A' })).to.equal(undefined);
    }
    expect(addressesOf(await cache.lookUp(ADD))).to.deep.equal(['10.0.0.2']);
  });

  it('are asked for 64 at a time, and are given as they were known past that', async () => {
    const { clock, consul, cache } = scene();
    await cache.lookUp(ADD);
    await clock.advance(5000);
    consul.answer = () => new Promise(() => {});
    for (let n = 0; n < 100; n += 1) void cache.lookUp({ name: `s${n}.service.consul`, type: 'A' });
    expect(consul.asked).to.equal(65);
    expect(addressesOf(await cache.lookUp(ADD))).to.deep.equal(['10.0.0.1']);
  });

  it('stand for a day and no longer', async () => {
    const { clock, consul, cache } = scene();
    await cache.lookUp(ADD);
    consul.answer = away;
    await clock.advance(24 * 3_600_000);
    expect(await cache.lookUp(ADD)).to.equal(undefined);
  });

  it('are given after half a second where Consul is slow, and its answer is kept when it comes', async () => {
    const { clock, consul, cache } = scene();
    await cache.lookUp(ADD);
    let late = (_: Buffer): void => undefined;
    consul.answer = () => new Promise((resolve) => (late = resolve));
    await clock.advance(5000);
    const waiting = cache.lookUp(ADD);
    await clock.advance(500);
    expect(addressesOf(await waiting)).to.deep.equal(['10.0.0.1']);
    late(message(['10.0.0.2']));
    await clock.advance(0);
    expect(addressesOf(await cache.lookUp(ADD))).to.deep.equal(['10.0.0.2']);
  });

  it('are not replaced by an answer that says neither yes nor no', async () => {
    const { clock, consul, cache } = scene();
    await cache.lookUp(ADD);
    consul.answer = () => Promise.resolve(message([], { code: 2 }));
    await clock.advance(5000);
    expect(addressesOf(await cache.lookUp(ADD))).to.deep.equal(['10.0.0.1']);
  });

  it('are gone when Consul says so', async () => {
    const { clock, consul, cache } = scene();
    await cache.lookUp(ADD);
    consul.answer = () => Promise.resolve(message([], { code: 3 }));
    await clock.advance(5000);
    expect(addressesOf(await cache.lookUp(ADD))).to.deep.equal([]);
  });

  it('outlive the agent that asked for them', async () => {
    const before = scene();
    await before.cache.lookUp(ADD);
    const after = scene(before.cache.known());
    after.consul.answer = away;
    await after.clock.advance(60_000);
    expect(addressesOf(await after.cache.lookUp(ADD))).to.deep.equal(['10.0.0.1']);
  });

  it('are bounded: the oldest go first', async () => {
    const { cache } = scene();
    for (let n = 0; n < 3000; n += 1) await cache.lookUp({ name: `s${n}.service.consul`, type: 'A' });
    expect(Object.keys(cache.known())).to.have.length(2048).and.not.include('s0.service.consul A');
  });
});

describe("the agent's answer to a DNS message", () => {
  const consul = { local: () => undefined, consul: () => Promise.resolve(message(['10.0.0.1'])) };
  const query = (name: string, type: RecordType = 'A', more: Partial<packet.Packet> = {}): Buffer =>
    packet.encode({ type: 'query', id: 7, flags: packet.RECURSION_DESIRED, questions: [{ name, type }], ...more });
  const ask = async (
    sent: Buffer,
    source: Parameters<typeof answerQuery>[1] = consul,
    way: 'udp' | 'tcp' = 'udp',
  ): Promise<DecodedPacket & { rcode?: string }> => packet.decode((await answerQuery(sent, source, way))!);

  it("has the question's id, and its name as it was written", async () => {
    const answer = await ask(query('Add-SVC.service.consul'));
    expect(answer).to.deep.include({ id: 7, type: 'response', rcode: 'NOERROR' });
    expect(answer.answers![0]).to.deep.include({ name: 'Add-SVC.service.consul', data: '10.0.0.1' });
  });

  it('refuses what is not under consul, so that a resolver asks its next server', async () => {
    for (const name of ['example.org', 'notconsul', 'consul.example']) {
      expect((await ask(query(name))).rcode, name).to.equal('REFUSED');
    }
  });

  it('is SERVFAIL when nothing is known and nobody answers', async () => {
    const source = { ...consul, consul: () => Promise.resolve(undefined) };
    expect((await ask(query('add-svc.service.consul'), source)).rcode).to.equal('SERVFAIL');
  });

  it('is empty for types that Consul has not got, without asking it', async () => {
    const source = { ...consul, consul: () => Promise.reject(new Error('asked')) };
    const answer = await ask(query('add-svc.service.consul', 'CAA'), source);
    expect(answer).to.deep.include({ rcode: 'NOERROR', answers: [] });
  });

  it('is cut short over UDP and whole over TCP', async () => {
    const many = Array.from({ length: 60 }, (_, n) => `10.0.0.${n}`);
    const source = { ...consul, consul: () => Promise.resolve(message(many)) };
    const sent = query('add-svc.service.consul');
    const short = await ask(sent, source);
    expect(short).to.deep.include({ flag_tc: true, answers: [] });
    expect((await ask(sent, source, 'tcp')).answers).to.have.length(60);
  });

  it('stays away when a message holds no question', async () => {
    expect(await answerQuery(Buffer.from('hello'), consul, 'udp')).to.equal(undefined);
    expect(await answerQuery(message(['10.0.0.1']), consul, 'udp')).to.equal(undefined);
  });

  it('says how much it takes to who said so', async () => {
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] } as unknown as Answer;
    const answer = await ask(query('add-svc.service.consul', 'A', { additionals: [opt] }));
    expect(answer.additionals!.map(({ type }) => type)).to.deep.equal(['OPT']);
  });
});

describe('NAME.virtual.consul on a machine', () => {
  const upstreams = [
    { service: 'add-svc', localPort: 9191 },
    { service: 'sub-svc', localPort: 8181 },
  ];
  const at = (name: string, type: string) => virtualName(name, type, upstreams);

  it('is loopback for an upstream, and as SRV its port', () => {
    expect(at('add-svc.virtual.consul', 'A')).to.deep.equal([
      { name: 'add-svc.virtual.consul', type: 'A', ttl: 5, data: '127.0.0.1' },
    ]);
    const [srv] = at('sub-svc.virtual.consul', 'SRV') as Answer[];
    expect(srv).to.deep.include({ data: { port: 8181, target: 'sub-svc.virtual.consul', priority: 1, weight: 1 } });
    expect(at('add-svc.virtual.consul', 'AAAA')).to.deep.equal([]);
  });

  it('does not exist for a service that is not an upstream here, and leaves other names to Consul', () => {
    expect(at('ledger.virtual.consul', 'A')).to.equal('denied');
    expect(at('add-svc.service.consul', 'A')).to.equal(undefined);
    expect(at('add-svc.virtual.dc2.consul', 'A')).to.equal(undefined);
  });
});
