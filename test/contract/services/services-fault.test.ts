import { expect } from 'chai';
import { post, startChain } from '../../support/rigs/sample-chain.ts';
import type { SampleChain } from '../../support/rigs/sample-chain.ts';
import { killSamples, startSample } from '../../support/rigs/sample-process.ts';

describe('POST /api/v1/test/fault', () => {
  let chain: SampleChain;
  let fault: string;
  before(async () => {
    chain = await startChain({ UPSTREAM_RETRIES: '1' });
    fault = `${chain.edge.url}/api/v1/test/fault`;
  });
  after(killSamples);

  for (const service of ['add-svc', 'sub-svc']) {
    it(`makes ${service} answer errors, as often as asked, and shows that it is well afterwards`, async () => {
      const { status, json } = await post(fault, { service, kind: 'error', count: 3 });
      expect(status).to.equal(200);
      expect(json).to.include({ service, kind: 'error', count: 3, made: 3, succeeded: 0, failed: 3, retries: 0 });
      expect(json.calls).to.have.lengthOf(3);
      expect(json.calls[0]).to.include({ outcome: 'failed', instance: `${service}-1`, platform: 'vm', attempts: 1 });
      expect(json.calls[0].cause).to.match(/it answered 500/);
      expect(json.after).to.include({ outcome: 'ok', instance: `${service}-1` });
    });

    it(`makes ${service} slow`, async () => {
      const { json } = await post(fault, { service, kind: 'delay', delayMs: 1000, count: 2 });
      expect(json).to.include({ made: 2, succeeded: 2, failed: 0 });
      for (const call of json.calls) expect(call.ms).to.be.at.least(995);
      expect(json.after.ms).to.be.below(995);
    });

    it(`makes ${service} too slow to be waited for`, async () => {
      const { json } = await post(fault, { service, kind: 'delay', delayMs: 2600 });
      expect(json).to.include({ made: 1, failed: 1 });
      expect(json.calls[0].cause).to.equal('no answer in 2000 ms');
    });

    it(`makes ${service} drop connections, and counts the frontend's own retries`, async () => {
      const { json } = await post(fault, { service, kind: 'abort', count: 2 });
      expect(json).to.include({ made: 2, failed: 2, retries: 2 });
      expect(json.calls[0]).to.include({ outcome: 'failed', attempts: 2 });
      expect(json.calls[0].cause).to.match(/closed before an answer came/);
      expect(json.after).to.include({ outcome: 'ok' });
    });
  }

  it('leaves every instance alone but the one that is named', async () => {
    const { json } = await post(fault, { service: 'add-svc', kind: 'error', count: 2, instance: 'add-svc-9' });
    expect(json).to.include({ succeeded: 2, failed: 0 });
  });

  it('reports how far it came when time runs out', async function () {
    this.timeout(30_000);
    const { status, json } = await post(fault, { service: 'add-svc', kind: 'delay', delayMs: 1900, count: 100 });
    expect(status).to.equal(200);
    expect(json.made).to.be.within(4, 6);
    expect(json.calls.at(-1).cause).to.equal('the whole request ran out of time');
    expect(json).to.not.have.property('after');
  });

  it('shows that nobody is left when the only instance exits', async () => {
    const victim = await startSample('sub-svc');
    const frontend = await startSample('frontend', { SUB_SVC_ADDR: victim.url });
    const { json } = await post(`${frontend.url}/api/v1/test/fault`, { service: 'sub-svc', kind: 'exit' });
    expect((await victim.ended).code).to.equal(1);
    expect(json.after).to.include({ outcome: 'failed' });
    // The call at once may still meet the socket that the kernel is closing; one after the end of the process is refused.
    const later = await post(`${frontend.url}/api/v1/test/fault`, { service: 'sub-svc', kind: 'exit' });
    expect(later.json.after).to.include({ outcome: 'failed' });
    expect(later.json.after.cause).to.match(/refused/);
  });

  for (const [body, says] of [
    [{ kind: 'error' }, /^service must be/],
    [{ service: 'edge', kind: 'error' }, /^service must be/],
    [{ service: 'add-svc' }, /^kind must be one of error, delay, abort, exit/],
    [{ service: 'add-svc', kind: 'error', count: 0 }, /^count must be/],
    [{ service: 'add-svc', kind: 'error', count: 101 }, /from 1 to 100/],
    [{ service: 'add-svc', kind: 'delay', delayMs: 5001 }, /^delayMs must be/],
    [{ service: 'add-svc', kind: 'error', instance: 'a;b' }, /^instance must be/],
    [{ service: 'add-svc', kind: 'error', times: 2 }, /"times" is not known/],
    ['not an object', /must be a JSON object/],
  ] as const) {
    it(`refuses ${JSON.stringify(body)}`, async () => {
      const { status, json } = await post(fault, body);
      expect(status).to.equal(400);
      expect(json.error).to.match(says);
    });
  }

  it('is refused where faults are off', async () => {
    const frontend = await startSample('frontend', { FAULTS: 'off' });
    const { status } = await post(`${frontend.url}/api/v1/test/fault`, { service: 'add-svc', kind: 'error' });
    expect(status).to.equal(403);
  });
});
