import { expect } from 'chai';
import { post, startChain } from '../../support/rigs/sample-chain.ts';
import type { SampleChain } from '../../support/rigs/sample-chain.ts';
import { killSamples } from '../../support/rigs/sample-process.ts';

const click = '1+1+2+3+4+5+6-1-2-3-4-5-6+9+8-4-5';

describe('the chain of the sample', () => {
  let chain: SampleChain;
  let compute: string;
  before(async () => {
    chain = await startChain();
    compute = `${chain.edge.url}/api/v1/compute`;
  });
  after(killSamples);

  it('computes the expression of the click', async () => {
    const { status, headers, json } = await post(compute, { expression: click });
    expect(status).to.equal(200);
    expect(headers.get('content-type')).to.equal('application/json');
    expect(json).to.deep.equal({ result: 9 });
  });

  it('takes the expression as text too, under any content type of curl', async () => {
    expect((await post(compute, click)).json).to.deep.equal({ result: 9 });
    const asForm = await post(compute, click, { 'content-type': 'application/x-www-form-urlencoded' });
    expect(asForm.json).to.deep.equal({ result: 9 });
    const jsonAsForm = await post(compute, `{"expression": "${click}"}`, {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(jsonAsForm.json).to.deep.equal({ result: 9 });
  });

  for (const [expression, result] of [
    ['-3', -3],
    [' 2 - ( 3 - -4 ) ', -5],
    ['-(1+2)', -3],
    ['9007199254740990+1', 9007199254740991],
  ] as const) {
    it(`computes ${JSON.stringify(expression)}`, async () => {
      expect((await post(compute, { expression })).json).to.deep.equal({ result });
    });
  }

  it('computes the longest expression there may be', async () => {
    const longest = '1' + '+1'.repeat(2047);
    expect((await post(compute, longest)).json).to.deep.equal({ result: 2048 });
  });

  it('lists who served the hops in a header and the calls, in order, in the body', async () => {
    const { headers, json } = await post(compute, { expression: '1+2-3' }, { 'x-trace': '1' });
    const hops = headers.get('x-served-by')!.split(', ');
    const [frontend, gateway, edge] = ['frontend', 'api-gateway', 'edge'].map(
      (name) => `${name};${name}-1;vm;host-1;192.0.2.1`,
    );
    expect(hops).to.deep.equal([frontend, gateway, edge]);
    const place = { platform: 'vm', host: 'host-1', address: '192.0.2.1' };
    expect(json).to.deep.equal({
      result: 0,
      calls: [
        { service: 'add-svc', instance: 'add-svc-1', ...place },
        { service: 'sub-svc', instance: 'sub-svc-1', ...place },
      ],
    });
    expect((await post(`${compute}?trace=1`, '1+2')).json.calls).to.have.lengthOf(1);
  });

  it("keeps a caller's request id, and makes one for a caller without", async () => {
    expect((await post(compute, '1', { 'x-request-id': 'mine-1' })).headers.get('x-request-id')).to.equal('mine-1');
    expect((await post(compute, '1')).headers.get('x-request-id')).to.match(/^[0-9a-f]{32}$/);
  });

  const bad: [what: string, body: unknown, status: number, expected: object][] = [
    ['an operator nobody serves', { expression: '2*3' }, 400, { position: 1, lines: ['2*3', ' ^'] }],
    ['a division', '6/2', 400, { position: 1 }],
    ['a missing operand', { expression: '1+' }, 400, { position: 2, lines: ['1+', '  ^'] }],
    ['an open parenthesis', { expression: '1+(2' }, 400, { position: 2 }],
    ['an empty expression', { expression: '' }, 400, { position: 0 }],
    ['an empty body', '', 400, { position: 0 }],
    ['a number out of range', { expression: '1+9007199254740992' }, 400, { position: 2 }],
    ['a result out of range', { expression: '1+(9007199254740991+1)' }, 400, { position: 19 }],
    ['JSON without an expression', { formula: '1+1' }, 400, {}],
    ['an expression that is no text', { expression: 1 }, 400, {}],
    ['broken JSON', '{"expression": ', 400, { error: 'the body is not JSON' }],
    ['an overlong expression', { expression: '1'.repeat(4097) }, 413, {}],
    ['an overlong body', '1'.repeat(9000), 413, {}],
    ['more than the edge lets in', '1'.repeat(70_000), 413, {}],
  ];
  for (const [what, body, status, expected] of bad) {
    it(`refuses ${what} with ${status}`, async () => {
      const answer = await post(compute, body);
      expect(answer.status).to.equal(status);
      expect(answer.json).to.deep.include(expected);
      expect(answer.json.error).to.be.a('string').with.length.above(10);
    });
  }

  it('answers a wrong method and a wrong path in JSON', async () => {
    const get = await fetch(compute);
    expect(get.status).to.equal(405);
    expect(get.headers.get('allow')).to.equal('POST');
    for (const [path, says] of [
      ['/api/v1/nothing', /the frontend serves/],
      ['/api/v2/compute', /api-gateway serves/],
      ['/api/v1/../../healthz', /edge serves|^$/],
      ['/else', /edge serves/],
    ] as const) {
      const answer = await post(`${chain.edge.url}${path}`, '1');
      if (path.includes('..'))
        expect(answer.status).to.equal(200); // fetch itself resolves it: the edge's own health
      else expect(answer.status).to.equal(404);
      if (answer.status === 404) expect(answer.json.error).to.match(says);
    }
  });

  it('does not pass a fault from outside on', async () => {
    expect((await post(compute, '1+2', { 'x-fault': 'error' })).json).to.deep.equal({ result: 3 });
  });

  it('is healthy at every hop', async () => {
    const health = [
      `${chain.edge.url}/healthz`,
      `${chain.gateway.url}/actuator/health`,
      `${chain.frontend.url}/healthz`,
      `${chain.add.url}/actuator/health`,
      `${chain.sub.url}/actuator/health`,
    ];
    for (const url of health) expect((await fetch(url)).status, url).to.equal(200);
  });
});
