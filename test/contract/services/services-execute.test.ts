import { expect } from 'chai';
import { killSamples, runSample, startSample } from '../../support/rigs/sample-process.ts';
import type { SampleProcess } from '../../support/rigs/sample-process.ts';

const limit = 9007199254740991;

/** One API, two languages: both services behave alike. */
for (const [name, apply] of [
  ['add-svc', (l: number, r: number) => l + r],
  ['sub-svc', (l: number, r: number) => l - r],
] as const) {
  describe(`${name}: the execute API`, () => {
    let service: SampleProcess;
    before(async () => {
      service = await startSample(name);
    });
    after(killSamples);

    const ask = async (query: string, init: RequestInit = {}) => {
      const answer = await fetch(`${service.url}/api/v1/execute?${query}`, init);
      return {
        status: answer.status,
        headers: answer.headers,
        body: (await answer.json()) as { result?: number; error?: string },
      };
    };

    const pairs = [
      [1, 2],
      [0, 0],
      [-5, 7],
      [5, -7],
      [-5, -7],
      [limit - 1, name === 'add-svc' ? 1 : -1],
      [-limit, 0],
    ] as const;
    for (const [l, r] of pairs) {
      it(`computes with ${l} and ${r}`, async () => {
        const { status, headers, body } = await ask(`l=${l}&r=${r}`);
        expect(status).to.equal(200);
        expect(headers.get('content-type')).to.equal('application/json');
        expect(body).to.deep.equal({ result: apply(l, r) });
      });
    }

    const refused: [query: string, says: RegExp][] = [
      ['', /parameter l is missing/],
      ['l=1', /parameter r is missing/],
      ['r=1', /parameter l is missing/],
      ['l=1&r=2&r=3', /parameter r is given more than once/],
      ['l=&r=2', /parameter l must be a whole number/],
      ['l=one&r=2', /parameter l must be a whole number from -9007199254740991 to 9007199254740991/],
      ['l=1.5&r=2', /parameter l must be/],
      ['l=1e3&r=2', /parameter l must be/],
      ['l=%2B1&r=2', /parameter l must be/],
      ['l=1&r=0x10', /parameter r must be/],
      ['l=1&r=%0A2', /parameter r must be/],
      ['l=1&r=2%0A', /parameter r must be/],
      ['l=1&r=9007199254740992', /parameter r must be/],
      ['l=1&r=99999999999999999999999999', /parameter r must be/],
      ['l=%D9%A1&r=2', /parameter l must be/],
      [
        `l=${limit}&r=${name === 'add-svc' ? 1 : -1}`,
        /of 9007199254740991 and -?1 is outside -9007199254740991 to 9007199254740991/,
      ],
      [`l=-${limit}&r=${name === 'add-svc' ? -1 : 1}`, /is outside/],
    ];
    for (const [query, says] of refused) {
      it(`refuses "${query}" and says why`, async () => {
        const { status, body } = await ask(query);
        expect(status).to.equal(400);
        expect(body.error).to.match(says);
      });
    }

    it('answers GET only', async () => {
      const { status, headers, body } = await ask('l=1&r=2', { method: 'POST' });
      expect(status).to.equal(405);
      expect(headers.get('allow')).to.equal('GET');
      expect(body.error).to.equal('only GET is answered here');
    });

    it('says what it serves when asked for something else', async () => {
      const answer = await fetch(`${service.url}/api/v2/execute?l=1&r=2`);
      expect(answer.status).to.equal(404);
      expect(await answer.json()).to.deep.equal({ error: `${name} serves /api/v1/execute` });
    });

    it('is healthy in the words of Spring actuators', async () => {
      const answer = await fetch(`${service.url}/actuator/health`);
      expect(answer.status).to.equal(200);
      expect(await answer.json()).to.deep.equal({ status: 'UP' });
    });

    it('signs every answer, errors too', async () => {
      for (const query of ['l=1&r=2', 'l=x']) {
        expect((await ask(query)).headers.get('x-served-by')).to.equal(`${name};${name}-1;vm;host-1;192.0.2.1`);
      }
    });

    it('keeps a connection for the next request', async () => {
      const { headers } = await ask('l=1&r=2');
      expect(headers.get('connection')).to.not.equal('close');
    });

    it('answers an error, a delay or nothing when the caller asks for that', async () => {
      const withFault = (fault: string) => ask('l=1&r=2', { headers: { 'x-fault': fault } });
      expect((await withFault('error')).status).to.equal(500);
      const startedMs = performance.now();
      expect((await withFault('delay;ms=300')).body).to.deep.equal({ result: apply(1, 2) });
      expect(performance.now() - startedMs).to.be.at.least(295);
      const dropped = await withFault('abort').then(
        () => undefined,
        (error: Error) => error,
      );
      expect(dropped).to.be.instanceOf(TypeError);
      expect((await ask('l=1&r=2')).status).to.equal(200);
    });

    it('fails only when it is the instance the fault is meant for', async () => {
      expect((await ask('l=1&r=2', { headers: { 'x-fault': 'error;instance=another' } })).status).to.equal(200);
      expect((await ask('l=1&r=2', { headers: { 'x-fault': `error;instance=${name}-1` } })).status).to.equal(500);
    });

    for (const fault of ['explode', 'delay;ms=30001', 'delay;ms=x', 'error;count=2']) {
      it(`refuses the fault "${fault}"`, async () => {
        const { status, body } = await ask('l=1&r=2', { headers: { 'x-fault': fault } });
        expect(status).to.equal(400);
        expect(body.error).to.match(/^X-Fault /);
      });
    }

    it('ends at once, without a drain, when the caller asks for its exit', async () => {
      const victim = await startSample(name, { DRAIN_SECONDS: '60' });
      await fetch(`${victim.url}/api/v1/execute?l=1&r=2`, { headers: { 'x-fault': 'exit' } }).catch(() => undefined);
      expect((await victim.ended).code).to.equal(1);
    });

    it('takes its port from the command line too, and names a port that cannot be', async () => {
      const { code, stdout } = await runSample(name, ['--port', '65536']);
      expect(code).to.equal(2);
      expect(JSON.parse(stdout)).to.include({
        level: 'error',
        message: 'cannot start',
        cause: "the port must be 0 to 65535, is '65536'",
      });
    });

    it('says so and does not start when the port is taken', async () => {
      const { code, stdout } = await runSample(name, ['--port', String(service.port)], { BIND_ADDRESS: '127.0.0.1' });
      expect(code).to.equal(2);
      expect(JSON.parse(stdout))
        .to.have.property('cause')
        .that.matches(/address already in use/i);
    });
  });
}
