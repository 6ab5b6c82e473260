import { expect } from 'chai';
import { DnsUnavailable } from '../../../clients/dns/ask-dns.ts';
import type { NamesRequest } from '../../../mesh/outside/bridge-api.ts';
import { type BridgeUnderTest, bridgeUnderTest } from './bridge-under-test.ts';
import { eventually } from './bridge-waiting.ts';

const QUESTION: NamesRequest = { name: 'add-svc.service.consul', type: 'A' };

describe('names through the bridge', function () {
  this.timeout(60_000);
  let bridge: BridgeUnderTest;
  const asked: NamesRequest[] = [];
  let answer: () => Promise<Buffer>;
  before(async () => {
    bridge = await bridgeUnderTest('the fake', {
      askName: (question) => {
        asked.push(question);
        return answer();
      },
    });
    bridge.admit('web');
  });
  beforeEach(() => {
    asked.length = 0;
    answer = () => Promise.resolve(Buffer.from('what Consul said'));
  });
  after(() => bridge.stop());

  it('come as Consul gives them, to hosts that have joined and to admins', async () => {
    const wanted = { message: Buffer.from('what Consul said').toString('base64') };
    const { client } = await bridge.join('vm1', 'web');
    const reply = await client.post('/v1/names', QUESTION);
    expect(reply).to.deep.include({ status: 200, body: wanted });
    expect(await bridge.ask('POST', '/v1/names', QUESTION)).to.deep.equal(wanted);
    expect(asked).to.deep.equal([QUESTION, QUESTION]);
  });

  it('are not for strangers, and not for names of other zones', async () => {
    const stranger = await bridge.client().post('/v1/names', QUESTION);
    expect(stranger).to.nested.include({ status: 401, 'body.code': 'certificateNeeded' });
    const { client } = await bridge.join('vm2', 'web');
    for (const name of ['example.org', 'consul.example', 'a..consul', 'UPPER.service.consul', ''])
      expect((await client.post('/v1/names', { ...QUESTION, name })).status, name).to.equal(400);
    expect((await client.post('/v1/names', { ...QUESTION, type: 'AXFR' })).status).to.equal(400);
    expect(asked).to.deep.equal([]);
  });

  it('are asked for by 32 of one machine at a time, and by those of another all the same', async () => {
    const one = await bridge.join('greedy', 'web');
    const other = await bridge.join('modest', 'web');
    const waiting: ((message: Buffer) => void)[] = [];
    answer = () => new Promise((resolve) => waiting.push(resolve));
    const clients = Array.from({ length: 33 }, () =>
      bridge.client({ certificate: one.answer.certificate, key: one.key }),
    );
    const replies = clients.map((client) => client.post('/v1/names', QUESTION));
    const refused = await Promise.race(replies);
    expect(refused).to.nested.include({ status: 429, 'body.code': 'tooMany' });
    const served = other.client.post('/v1/names', QUESTION);
    await eventually(() => Promise.resolve(expect(waiting).to.have.length(33)));
    for (const resolve of waiting) resolve(Buffer.from('x'));
    expect((await served).status).to.equal(200);
    expect((await Promise.all(replies)).filter(({ status }) => status === 200)).to.have.length(32);
  });

  it("are refused with the reason when Consul's DNS does not answer", async () => {
    const { client } = await bridge.join('vm3', 'web');
    answer = () => Promise.reject(new DnsUnavailable('DNS at consul:53: no answer within 1500 ms'));
    const reply = await client.post('/v1/names', QUESTION);
    expect(reply).to.nested.include({ status: 503, 'body.code': 'consulDnsUnavailable' });
    expect(reply.body.message).to.include('no answer within 1500 ms');
  });

  it('are refused with what to set where nobody said where the DNS is', async () => {
    const other = await bridgeUnderTest('the fake');
    try {
      other.admit('web');
      const { client } = await other.join('vm1', 'web');
      const reply = await client.post('/v1/names', QUESTION);
      expect(reply.body).to.include({ code: 'noConsulDns' });
      expect(reply.body.message).to.include('externalConsul.dns');
    } finally {
      await other.stop();
    }
  });
});
