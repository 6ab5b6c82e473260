import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { killSamples, startSample } from '../../support/rigs/sample-process.ts';
import type { SampleName, SampleProcess } from '../../support/rigs/sample-process.ts';

const drainMs = 1500;
const drain = { DRAIN_SECONDS: String(drainMs / 1000) };

interface Target {
  readonly service: SampleProcess;
  readonly health: string;
  /** A request that takes no time, and one that takes `ms`. */
  readonly quick: Ask;
  readonly slow: (ms: number) => Ask;
  readonly saysClose: boolean;
}

interface Ask {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const operation: Ask = { path: '/api/v1/execute?l=1&r=2' };
const slowOperation = (ms: number): Ask => ({ ...operation, headers: { 'x-fault': `delay;ms=${ms}` } });
const expression: Ask = { path: '/api/v1/compute', method: 'POST', body: '1+1' };
const slowFault = (ms: number): Ask => {
  const body = JSON.stringify({ service: 'add-svc', kind: 'delay', delayMs: ms });
  return { path: '/api/v1/test/fault', method: 'POST', headers: { 'content-type': 'application/json' }, body };
};

/** Starts the service to be stopped, and the services behind it, which stay. */
const targets: Record<Exclude<SampleName, 'echo' | 'ledger'>, () => Promise<Target>> = {
  'add-svc': async () => {
    const service = await startSample('add-svc', drain);
    return { service, health: '/actuator/health', quick: operation, slow: slowOperation, saysClose: true };
  },
  'sub-svc': async () => {
    const service = await startSample('sub-svc', drain);
    return { service, health: '/actuator/health', quick: operation, slow: slowOperation, saysClose: true };
  },
  frontend: async () => {
    const add = await startSample('add-svc');
    const service = await startSample('frontend', { ...drain, ADD_SVC_ADDR: add.url, UPSTREAM_TIMEOUT_MS: '10000' });
    return { service, health: '/healthz', quick: expression, slow: slowFault, saysClose: true };
  },
  'api-gateway': async () => {
    const { service: frontend } = await targets.frontend();
    const service = await startSample('api-gateway', { ...drain, FRONTEND_ADDR: frontend.url });
    return { service, health: '/actuator/health', quick: expression, slow: slowFault, saysClose: true };
  },
  edge: async () => {
    const { service: gateway } = await targets['api-gateway']();
    const service = await startSample('edge', { ...drain, API_GATEWAY: `127.0.0.1:${gateway.port}` });
    // nginx closes what is idle when it ends, and cannot announce it before.
    return { service, health: '/healthz', quick: expression, slow: slowFault, saysClose: false };
  },
};

interface Heard {
  readonly status: number;
  readonly connection: string | undefined;
}

function hear(agent: Agent, url: string, ask: Ask): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const options = { agent, method: ask.method ?? 'GET', headers: ask.headers };
    const sent = request(url + ask.path, options, (answer) => {
      answer
        .resume()
        .once('end', () => resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection }));
    });
    sent.once('error', reject).end(ask.body);
  });
}

/** Asks one request after the other until `until`; answers and errors are added to `heard`. */
async function load(agent: Agent, target: Target, until: AbortSignal, heard: (Heard | Error)[]): Promise<void> {
  while (!until.aborted) heard.push(await hear(agent, target.service.url, target.quick).catch((error: Error) => error));
}

for (const name of Object.keys(targets) as (keyof typeof targets)[]) {
  describe(`${name} on SIGTERM under load`, () => {
    let target: Target;
    let agent: Agent;
    let left: AbortController;
    beforeEach(async () => {
      left = new AbortController();
      target = await targets[name]();
      agent = new Agent({ keepAlive: true, maxSockets: 8 });
    });
    afterEach(async () => {
      left.abort();
      agent.destroy();
      await killSamples();
    });

    it('says 503 while it drains, loses nothing that is asked during the drain or in flight after it, and exits 0', async () => {
      const { service } = target;
      const heard: (Heard | Error)[] = [];
      const loads = [1, 2, 3, 4].map(() => load(agent, target, left.signal, heard));
      // The first answers of a JVM come late; by now it is warm, and under load.
      await eventually('20 were answered', 20_000, () => heard.length >= 20, 20);
      const inFlight = hear(agent, service.url, target.slow(drainMs + 800));
      await pause(100);

      service.terminate();
      const heardBefore = heard.length + loads.length;
      const terminatedMs = performance.now();
      await sees503(agent, target);
      const late = await hear(agent, service.url, target.quick);
      expect(late.status).to.equal(200);
      if (target.saysClose) expect(late.connection).to.equal('close');

      // Those who route by health have left well before the end of the drain; this load is slower than they are.
      await pause(drainMs * 0.7 - (performance.now() - terminatedMs));
      left.abort();
      await Promise.all(loads);
      expect(heard.filter((one) => one instanceof Error || one.status !== 200)).to.deep.equal([]);
      expect(heard.length, 'asked during the drain').to.be.above(heardBefore);

      expect((await inFlight).status).to.equal(200);
      expect(await service.ended).to.deep.equal({ code: 0, signal: null });
      const tookMs = performance.now() - terminatedMs;
      expect(tookMs).to.be.within(drainMs + 500, drainMs + 5000);
      expect(service.log().map((line) => line.message)).to.include.members(['started', 'draining', 'stopped']);
    });

    it('does not outlive its drain when nobody asks for anything', async () => {
      target.service.terminate();
      const terminatedMs = performance.now();
      expect((await target.service.ended).code).to.equal(0);
      expect(performance.now() - terminatedMs).to.be.within(drainMs - 50, drainMs + 2000);
    });
  });
}

async function sees503(agent: Agent, target: Target): Promise<void> {
  const deadlineMs = performance.now() + drainMs;
  for (;;) {
    const { status } = await hear(agent, target.service.url, { path: target.health });
    if (status === 503) return;
    if (performance.now() > deadlineMs)
      throw new Error(`${target.health} still answers ${status}: ${JSON.stringify(target.service.log())}`);
    await pause(10);
  }
}
