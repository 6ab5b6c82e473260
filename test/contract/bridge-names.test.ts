import { expect } from 'chai';
import { DnsUnavailable } from '../../clients/dns/ask-dns.ts';
import type { NamesRequest } from '../../mesh/bridge-api.ts';
import { type BridgeUnderTest, bridgeUnderTest } from './bridge-under-test.ts';

const QUESTION: NamesRequest = { name: 'add-svc.service.consul', type: 'A' };

describe('names by way of the bridge', function () {
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
