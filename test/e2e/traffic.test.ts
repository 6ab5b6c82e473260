import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { vmExec } from '../../lab/vm/exec.ts';
import { eventually } from '../support/eventually.ts';
import { LOSSES, lossLine, tellLoss } from '../support/loss-stories.ts';
import { failed, percentile } from '../support/steady-load.ts';
import { PATH, VMS, type WebStory, allFour, startWebStory } from '../support/web-story.ts';

/**
 * By then a lost host's lease (6 s) is over and every Envoy has heard of it, also on a machine that is busy with tests; the
 * closer bars are those of survive.test.ts, and of `npm run bench:stories`.
 */
const KNOWN_MS = 10_000;
const WATCH_MS = 14_000;

/** Short forms; `npm run bench:stories` tells the same at full length and prints the figures. */
describe('traffic in the lab, two pods and two VMs of one service', function () {
  let story: WebStory;
  before(async () => (story = await startWebStory()));
  after(() => story?.remove());

  for (const loss of LOSSES) {
    it(`goes on at the edge, 200 requests a second, when ${loss.what}`, async () => {
      const figures = await tellLoss(story, loss, true, WATCH_MS);
      console.log(`    ${lossLine(figures)}`);
      // 99.5 % of the minute around it: all of what fails lies in these seconds.
      expect(figures.failed, 'failed').to.be.at.most(0.005 * 200 * 60);
      expect(figures.lastFailedMs, 'the last that failed was sent, ms after the loss').to.be.at.most(KNOWN_MS);
      expect(figures.sent).to.be.greaterThan(0.9 * 200 * (WATCH_MS / 1000));
    });
  }

  it('answers 504 at the edge and at a sidecar when an instance takes longer than the timeout', async () => {
    await story.declare({ traffic: { timeout: '300ms', retries: { attempts: 0 }, passiveHealth: { mode: 'Off' } } });
    const headers = { 'x-fault': 'delay;ms=3000' };
    for (const from of ['edge', 'caller'] as const) {
      const more = from === 'edge' ? { headers: { host: 'web.example', ...headers } } : { headers };
      await story.settled('the timeout is there', from, (shots) => shots.every(({ status }) => status === 504), more);
      const load = await story.load(from, 20, more);
      await delay(5000);
      const shots = await load.stop();
      const took = shots.map(({ ms }) => ms);
      console.log(
        `    timeout 300 ms, ${from}: p50 ${percentile(took, 50).toFixed(0)}, p99 ${percentile(took, 99).toFixed(0)} ms of ${took.length}`,
      );
      expect(new Set(shots.map(({ status }) => status))).to.deep.equal(new Set([504]));
      expect(Math.min(...took)).to.be.at.least(299);
    }
  });

  it('refuses beyond a limit at once with 503 and the flag UO in the access log, and piles nothing up', async () => {
    const limits = { maxConnections: 2, maxPendingRequests: 2, maxConcurrentRequests: 2 };
    await story.declare({
      traffic: { timeout: '2s', limits, retries: { attempts: 0 }, passiveHealth: { mode: 'Off' } },
    });
    const headers = { 'x-fault': 'delay;ms=1500' };
    const refused = (shots: { status: number }[]) => shots.filter(({ status }) => status === 503);
    await story.settled('the limit is there', 'caller', (shots) => refused(shots).length > 0.8 * shots.length, {
      headers,
    });
    const load = await story.load('caller', 100, { headers });
    await delay(4000);
    const shots = await load.stop();
    const took = shots.filter(({ status }) => status === 503).map(({ ms }) => ms);
    console.log(`    limit: ${took.length} of ${shots.length} refused, p99 ${percentile(took, 99).toFixed(1)} ms`);
    expect(took.length).to.be.greaterThan(0.9 * shots.length);
    // Far less than anything that waits would take.
    expect(percentile(took, 99)).to.be.lessThan(500);
    await eventually('the access log says so', 20_000, async () => {
      const { stdout } = await vmExec(story.lab.vm('vm1'), ['journalctl', '--no-pager', '-n', '2000', '-o', 'cat']);
      return stdout.includes('"response_flags":"UO"');
    });
  });

  it('splits 90/10 within two points, and goes to the pods alone when the app dies on every VM', async () => {
    const split = [
      { subset: 'vms', weight: 90 },
      { subset: 'pods', weight: 10 },
    ];
    await story.declare({ traffic: { split, failover: [{ from: 'vms', to: ['pods'] }] } });
    const toPods = (shots: { platform: string }[]) => shots.filter(({ platform }) => platform === 'pod').length;
    for (const from of ['edge', 'caller'] as const) {
      await story.settled(
        'the split is there',
        from,
        (shots) => !shots.some(failed) && toPods(shots) < 0.3 * shots.length,
      );
      const load = await story.load(from, 400);
      await delay(5200);
      const shots = await load.stop();
      const share = (100 * toPods(shots)) / shots.length;
      console.log(`    split 90/10, ${from}: pods got ${share.toFixed(2)} % of ${shots.length}`);
      expect(shots.filter(failed)).to.deep.equal([]);
      expect(shots.length).to.be.at.least(1900);
      expect(share).to.be.within(8, 12);
    }
    try {
      for (const vm of VMS)
        await vmExec(story.lab.vm(vm), [
          'sh',
          '-c',
          `systemctl kill -s KILL ${story.unit}; systemctl stop ${story.unit}`,
        ]);
      for (const from of ['edge', 'caller'] as const) {
        await story.settled('pods have all', from, (shots) => !shots.some(failed) && toPods(shots) === shots.length);
      }
    } finally {
      for (const vm of VMS) await vmExec(story.lab.vm(vm), ['systemctl', 'start', story.unit], { timeoutMs: 30_000 });
    }
  });

  it('loses no request while protocol, split, routes and access change under 200 requests a second', async () => {
    const access = [{ from: 'web-caller' }];
    const half = [
      { subset: 'vms', weight: 50 },
      { subset: 'pods', weight: 50 },
    ];
    await story.declare({ protocol: 'tcp', access });
    await story.settled('all four answer', 'caller', allFour);
    const load = await story.load('caller', 200);
    let shots;
    try {
      for (const spec of [
        { protocol: 'http' as const, access },
        { protocol: 'http' as const, access, traffic: { split: half } },
        {
          protocol: 'http' as const,
          access,
          traffic: { split: half, routes: [{ name: 'x', pathPrefix: '/api', subset: 'pods' }] },
        },
        { protocol: 'http' as const, access: [{ from: 'web-caller', methods: ['GET' as const], pathPrefix: '/api/' }] },
        { protocol: 'tcp' as const, access },
        { protocol: 'http' as const, access },
      ]) {
        await story.declare(spec);
        await delay(2000);
      }
    } finally {
      shots = await load.stop();
    }
    console.log(`    changes under load: ${shots.filter(failed).length} of ${shots.length} failed`);
    expect(shots.filter(failed)).to.deep.equal([]);
  });

  it('lets through exactly what the table of access says: method x path x source', async () => {
    await story.declare({
      access: [
        { from: 'web-caller', methods: ['GET'], pathPrefix: '/api/' },
        { from: 'web-caller', methods: ['POST'], path: '/orders' },
        { from: 'web-stranger', pathRegex: '/items/[0-9]+' },
        { from: '*', path: '/health' },
      ],
    });
    const allowed = (from: string, method: string, path: string): boolean =>
      from === 'edge' ||
      path === '/health' ||
      (from === 'caller' && method === 'GET' && path.startsWith('/api/')) ||
      (from === 'caller' && method === 'POST' && path === '/orders') ||
      (from === 'stranger' && path === '/items/7');
    await story.settled('the rules are there', 'stranger', (shots) => shots.every(({ status }) => status === 403));
    const asks = ['GET', 'POST', 'PUT', 'DELETE'].flatMap((method) =>
      ['/health', PATH, '/orders', '/orders/', '/items/7', '/items/x'].map((path) => ({ method, path })),
    );
    const wrong = new Set<string>();
    for (const from of ['caller', 'stranger', 'edge'] as const) {
      const load = await story.load(from, 120, { asks });
      await delay(3000);
      const shots = await load.stop();
      expect(shots.length).to.be.greaterThan(5 * asks.length);
      for (const { asked, status } of shots) {
        const { method, path } = asked;
        // Any answer of the app itself counts: it has its own opinion of paths and methods.
        const seen = status === 403 ? 'refused' : status === 0 || status === 503 ? `lost (${status})` : 'let in';
        if (seen !== (allowed(from, method, path) ? 'let in' : 'refused'))
          wrong.add(`${from} ${method} ${path}: ${seen}`);
      }
    }
    expect([...wrong]).to.deep.equal([]);
  });
});
