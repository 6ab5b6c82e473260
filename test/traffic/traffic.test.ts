import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import type { MeshServiceSpecInput } from '../../crds/mesh-service.ts';
import type { Traffic } from '../../crds/traffic.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import { cutNetwork, restoreNetwork } from '../../lab/vm/power.ts';
import { eventually } from '../support/eventually.ts';
import { type LoadSettings, type Shot, failed, percentile } from '../support/load/steady-load.ts';
import { type From, VMS, type WebStory, allFour, startWebStory } from '../support/rigs/stories/web-story.ts';

type Spec = Partial<MeshServiceSpecInput>;

const open: Spec = { protocol: 'http', access: [{ from: 'web-caller' }] };
const noHelp: Traffic = { retries: { attempts: 0 }, passiveHealth: { mode: 'Off' } };
const vmsAndPods = (vms: number, pods: number): Traffic => ({
  split: [
    { subset: 'vms', weight: vms },
    { subset: 'pods', weight: pods },
  ],
});

/**
 * `npm run test:traffic`: the bars of traffic and access on the lab that is up: two pods and a process on each of two VMs,
 * called from a third VM. test/integration/traffic/traffic.test.ts tells the same of Envoys on loopback, within `npm test`.
 */
describe('traffic on the lab, pods and VMs mixed', function () {
  this.timeout(300_000);
  let story: WebStory;
  before(async () => (story = await startWebStory()));
  after(() => story?.remove());

  const requests = async (
    count: number,
    perSecond: number,
    more: Partial<LoadSettings> = {},
    from: From = 'caller',
  ) => {
    const load = await story.load(from, perSecond, more);
    await delay((1000 * count) / perSecond + 200);
    return load.stop();
  };
  const shareOfPods = (shots: Shot[]): number =>
    (100 * shots.filter(({ platform }) => platform === 'pod').length) / shots.length;
  const hungPods = async (work: () => Promise<void>): Promise<void> => {
    const pods = await story.pods();
    await Promise.all(pods.map((pod) => story.signalPod(pod, 'STOP')));
    try {
      await work();
    } finally {
      await Promise.all(pods.map((pod) => story.signalPod(pod, 'CONT')));
    }
  };
  /** All requests go to the pods, which hang for less than the 5 s after which their readiness probe would say so. */
  const onlyPods: Traffic = { ...noHelp, split: [{ subset: 'pods', weight: 100 }] };

  it('splits 90/10 between VMs and pods within two points of 2,000 requests, and serves from pods alone when every VM dies', async () => {
    const traffic = { ...vmsAndPods(90, 10), failover: [{ from: 'vms', to: ['pods'] }] };
    await story.declare({ ...open, traffic });
    await story.settled('the split is there', 'caller', (shots) => !shots.some(failed) && shareOfPods(shots) < 25);
    const shots = await requests(2000, 150);
    expect(shots.filter(failed)).to.deep.equal([]);
    expect(shots.length).to.be.at.least(2000);
    console.info(`      of ${shots.length} requests pods got ${shareOfPods(shots).toFixed(2)} %`);
    expect(shareOfPods(shots)).to.be.within(8, 12);
    await Promise.all(VMS.map((vm) => cutNetwork(story.lab.vm(vm))));
    try {
      await story.settled('pods have all', 'caller', (some) => !some.some(failed) && shareOfPods(some) === 100);
      const after = await requests(500, 100);
      expect(after.filter(failed)).to.deep.equal([]);
      expect(shareOfPods(after)).to.equal(100);
    } finally {
      await Promise.all(VMS.map((vm) => restoreNetwork(story.lab.vm(vm))));
    }
    await story.declare(open);
    await story.settled('all four answer again', 'caller', allFour);
  });

  it('answers 504 within 320 ms when the upstream hangs and the timeout is 300 ms', async () => {
    await story.declare({ ...open, traffic: { ...onlyPods, timeout: '300ms' } });
    await story.settled('pods have all', 'caller', (shots) => !shots.some(failed) && shareOfPods(shots) === 100);
    await hungPods(async () => {
      const shots = await requests(100, 50);
      expect(new Set(shots.map(({ status }) => status))).to.deep.equal(new Set([504]));
      const times = shots.map(({ ms }) => ms);
      console.info(
        `      timeout 300 ms: p50 ${percentile(times, 50).toFixed(0)} ms, p99 ${percentile(times, 99).toFixed(0)} ms of ${times.length}`,
      );
    });
  });

  it('answers 503 at once beyond the limits, says UO in the access log, and piles nothing up', async () => {
    const limits = { maxConnections: 2, maxPendingRequests: 2, maxConcurrentRequests: 2 };
    await story.declare({ ...open, traffic: { ...onlyPods, timeout: '2s', limits } });
    await story.settled(
      'pods have all',
      'caller',
      (shots) => shareOfPods(shots.filter((shot) => !failed(shot))) === 100,
    );
    await hungPods(async () => {
      const began = new Date();
      const shots = await requests(250, 100);
      const refused = shots.filter(({ status }) => status === 503);
      const slow = percentile(
        refused.map(({ ms }) => ms),
        99,
      );
      console.info(`      beyond the limits: ${refused.length} of ${shots.length} refused, p99 ${slow.toFixed(0)} ms`);
      expect(refused.length).to.be.greaterThan(0.9 * shots.length);
      await eventually('the access log says so', 20_000, async () => {
        const since = `@${Math.floor(began.getTime() / 1000)}`;
        const { stdout } = await vmExec(story.lab.vm('vm1'), ['journalctl', '-o', 'cat', '--since', since]);
        return /response_flags.{1,6}UO/.test(stdout);
      });
    });
    await story.declare(open);
    await story.settled('all four answer again', 'caller', allFour);
  });

  it('lets through exactly the calls in the table of access, for every caller, way and path', async () => {
    await story.declare({
      protocol: 'http',
      access: [
        { from: 'web-caller', methods: ['GET'], pathPrefix: '/api/' },
        { from: 'web-caller', methods: ['POST'], path: '/orders' },
        { from: 'web-stranger', pathRegex: '/items/[0-9]+' },
        { from: '*', path: '/actuator/health' },
      ],
    });
    const allowed = (from: From, { method, path }: { method: string; path: string }): boolean =>
      path === '/actuator/health' ||
      (from === 'caller' && method === 'GET' && path.startsWith('/api/')) ||
      (from === 'caller' && method === 'POST' && path === '/orders') ||
      (from === 'stranger' && path === '/items/7');
    const paths = [
      '/actuator/health',
      '/api/v1/execute?l=5&r=3',
      '/api',
      '/orders',
      '/orders/',
      '/items/7',
      '/items/x',
    ];
    const asks = ['GET', 'POST', 'PUT', 'DELETE'].flatMap((method) => paths.map((path) => ({ method, path })));
    for (const from of ['caller', 'stranger'] as const)
      await story.settled('the rules are there', from, (shots) => shots.every(({ status }) => status === 403), {
        path: '/nowhere',
      });
    const wrong = new Set<string>();
    for (const from of ['caller', 'stranger'] as const) {
      // Each of the four instances meets each line of the table several times.
      for (const { asked, status } of await requests(20 * asks.length, 100, { asks }, from))
        // The answer of the app to an unknown path is its own matter.
        if ((status !== 403) !== allowed(from, asked) || status === 0)
          wrong.add(`${from} ${asked.method} ${asked.path}: ${status}`);
    }
    expect([...wrong]).to.deep.equal([]);
  });

  it('loses no request while protocol, split, route and access change under 200 requests a second', async () => {
    const all = { access: [{ from: 'web-caller' }] };
    const routes = [{ name: 'x', pathPrefix: '/api', subset: 'pods' }];
    const ways: Spec[] = [
      { protocol: 'tcp', ...all },
      { protocol: 'http', ...all },
      { protocol: 'http', ...all, traffic: vmsAndPods(50, 50) },
      { protocol: 'http', ...all, traffic: vmsAndPods(10, 90) },
      { protocol: 'http', ...all, traffic: { ...vmsAndPods(10, 90), routes } },
      { protocol: 'http', access: [{ from: 'web-caller', methods: ['GET'], pathPrefix: '/api/' }] },
      { protocol: 'tcp', ...all },
    ];
    await story.declare(ways[0]!);
    await story.settled('all four answer', 'caller', allFour);
    const load = await story.load('caller', 200);
    let shots: Shot[] = [];
    try {
      for (const spec of ways.slice(1)) {
        await story.declare(spec);
        // A state is there for as long as a sidecar takes to hear of it many times over.
        await delay(3000);
      }
    } finally {
      shots = await load.stop();
    }
    const bad = shots.filter(failed);
    console.info(`      changes under load: ${bad.length} of ${shots.length} failed`);
    expect(bad).to.deep.equal([]);
  });
});
