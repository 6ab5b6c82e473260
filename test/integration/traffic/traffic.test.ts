import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type Member, type TrafficRig, ask, askSteadily, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

type Spec = Partial<MeshServiceSpecInput>;

/** The effect of spec.traffic and spec.access on requests: real Consul, real Envoys; two "VMs" and a "pod" answer as `web`. */
describe('traffic through real Envoys', function () {
  this.timeout(120_000);
  let rig: TrafficRig;
  let port: number;
  let strangerPort: number;
  let vms: Member[];
  let pod: Member;
  let caller: Member;
  const open: Spec = { protocol: 'http', access: [{ from: 'caller' }] };
  const all = (): Member[] => [...vms, pod];

  before(async () => {
    rig = await startTrafficRig();
    [port = 0, strangerPort = 0] = await freePorts(2);
    await rig.declare('web', open);
    for (const [name, localPort] of [
      ['caller', port],
      ['stranger', strangerPort],
    ] as const) {
      await rig.declare(name, { upstreams: [{ service: 'web', localPort }] });
    }
    vms = [await rig.member('web', 'vm'), await rig.member('web', 'vm')];
    pod = await rig.member('web', 'pod');
    caller = await rig.member('caller', 'pod', [{ service: 'web', localPort: port }]);
    await rig.member('stranger', 'pod', [{ service: 'web', localPort: strangerPort }]);
    await answers();
  });
  after(() => rig?.stop());

  /** Requests are answered, by all three. */
  const answers = () =>
    eventually('all instances answer', 30_000, async () => {
      const served = await Promise.all(Array.from({ length: 60 }, () => ask(port)));
      return served.every(({ status }) => status === 200) && new Set(served.map(({ servedBy }) => servedBy)).size === 3;
    });
  const until = (what: string, so: () => Promise<boolean>) => eventually(what, 20_000, so);

  it('lets through exactly what the table of access says: method x path x source', async () => {
    await rig.declare('web', {
      protocol: 'http',
      access: [
        { from: 'caller', methods: ['GET'], pathPrefix: '/api/' },
        { from: 'caller', methods: ['POST'], path: '/orders' },
        { from: 'stranger', pathRegex: '/items/[0-9]+', headers: [{ name: 'x-key', exact: 'yes' }] },
        { from: '*', path: '/health' },
      ],
    });
    const allowed = (from: string, method: string, path: string, key: string) =>
      path === '/health' ||
      (from === 'caller' && method === 'GET' && path.startsWith('/api/')) ||
      (from === 'caller' && method === 'POST' && path === '/orders') ||
      (from === 'stranger' && path === '/items/7' && key === 'yes');
    // Connections that were open end with their next answer: by then each has met the new rules.
    await until('the rules are there, on every connection', async () => {
      const asked = await Promise.all(
        Array.from({ length: 60 }, (_, index) => ask(index % 2 === 0 ? port : strangerPort, '/orders')),
      );
      return asked.every(({ status }) => status === 403);
    });
    const paths = [
      '/health',
      '/api/a',
      '/api',
      '/orders',
      '/orders/',
      '/items/7',
      '/items/x',
      '/api/../orders',
      '/health/x',
    ];
    const wrong: string[] = [];
    for (const [from, at] of [
      ['caller', port],
      ['stranger', strangerPort],
    ] as const)
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'HEAD'])
        for (const path of paths)
          for (const key of ['yes', 'no']) {
            // Envoy looks at the path as the app will see it: /api/../orders is /orders.
            const seen = path === '/api/../orders' ? '/orders' : path;
            const expected = allowed(from, method, seen, key) ? 200 : 403;
            const { status } = await ask(at, path, method, { 'x-key': key });
            if (status !== expected) wrong.push(`${from} ${method} ${path} ${key}: ${status}`);
          }
    expect(wrong).to.deep.equal([]);
  });

  it('answers 504 in time for a hung upstream, and leaves the instance', async () => {
    await rig.declare('web', {
      ...open,
      traffic: { timeout: '300ms', retries: { attempts: 0 }, passiveHealth: { mode: 'Off' } },
    });
    await answers();
    for (const member of all()) member.hang = true;
    try {
      await until('the timeout is there', async () => (await ask(port)).status === 504);
      // One after the other: of a hundred at once the last waits for this process to send it.
      const load = askSteadily(port, 50);
      await until('some were asked', async () => load.nowMs() > 2100);
      const hung = await load.stop();
      expect(hung.length).to.be.at.least(100);
      expect(new Set(hung.map(({ status }) => status))).to.deep.equal(new Set([504]));
      const sorted = hung.map(({ ms }) => ms).sort((a, b) => a - b);
      console.info(
        `      timeout 300 ms: p50 ${sorted[50]!.toFixed(0)} ms, p99 ${sorted[Math.ceil(0.99 * sorted.length) - 1]!.toFixed(0)} ms of ${sorted.length}`,
      );
    } finally {
      for (const member of all()) member.hang = false;
    }
  });

  it('refuses beyond the limits at once with 503 and the flag UO, and piles nothing up', async () => {
    const limits = { maxConnections: 2, maxPendingRequests: 2, maxConcurrentRequests: 2 };
    await rig.declare('web', {
      ...open,
      traffic: { timeout: '2s', limits, retries: { attempts: 0 }, passiveHealth: { mode: 'Off' } },
    });
    for (const member of all()) member.hang = true;
    try {
      const burst = await eventually('the limits hold', 30_000, async () => {
        const some = await Promise.all(Array.from({ length: 50 }, () => ask(port)));
        return some.filter(({ status }) => status === 503).length >= 40 ? some : undefined;
      });
      const refused = burst.filter(({ status }) => status === 503);
      expect(refused.every(({ headers }) => headers['x-envoy-overloaded'] === 'true')).to.equal(true);
      console.info(
        `      refused at the limit: slowest ${Math.max(...refused.map(({ ms }) => ms)).toFixed(0)} ms of ${refused.length}`,
      );
      await until('the access log says so', async () => /"response_flags":"UO"/.test(caller.accessLog()));
    } finally {
      for (const member of all()) member.hang = false;
    }
  });

  it('splits 90/10 within two points of 2,000 requests, and goes on with pods alone when every VM dies', async () => {
    const traffic = {
      split: [
        { subset: 'vms', weight: 90 },
        { subset: 'pods', weight: 10 },
      ],
      failover: [{ from: 'vms', to: ['pods'] }],
    };
    await rig.declare('web', { ...open, traffic });
    const shareOfPod = async (count: number): Promise<number> => {
      let pods = 0;
      for (let sent = 0; sent < count; sent += 50) {
        const some = await Promise.all(Array.from({ length: 50 }, () => ask(port)));
        expect(some.filter(({ status }) => status !== 200)).to.deep.equal([]);
        pods += some.filter(({ servedBy }) => servedBy === pod.id).length;
      }
      return (100 * pods) / count;
    };
    await until('the split is there', async () => (await shareOfPod(200)) < 20);
    const share = await shareOfPod(2000);
    console.info(`      split 90/10: pods got ${share.toFixed(2)} %`);
    expect(share).to.be.within(8, 12);
    for (const vm of vms) await rig.setHealth(vm, 'critical');
    await until('the pod has all', async () => (await shareOfPod(50)) === 100);
    expect(await shareOfPod(500)).to.equal(100);
    for (const vm of vms) await rig.setHealth(vm, 'passing');
  });

  it('routes by header, query, method and path in their order, rewrites, and changes headers both ways', async () => {
    await rig.declare('web', {
      ...open,
      traffic: {
        routes: [
          { name: 'canary', headers: [{ name: 'x-canary', exact: 'yes' }], subset: 'pods' },
          { name: 'asked-for', query: [{ name: 'where', exact: 'pods' }], subset: 'pods' },
          { name: 'writes', methods: ['POST'], pathPrefix: '/orders', subset: 'vms' },
          {
            name: 'old',
            pathPrefix: '/old/',
            rewritePrefix: '/new/',
            subset: 'pods',
            requestHeaders: { add: { 'x-added': 'one' }, set: { 'x-set': 'ours' }, remove: ['x-gone'] },
            responseHeaders: { add: { 'x-answer': 'edited' }, set: { 'x-served-by': 'route old' } },
          },
        ],
        split: [{ subset: 'vms', weight: 100 }],
      },
    });
    const servedBy = async (path: string, method = 'GET', headers: Record<string, string> = {}): Promise<string[]> => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, path, method, headers)));
      expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([]);
      return [...new Set(answers.map((answer) => answer.servedBy))].sort();
    };
    const vmIds = vms.map(({ id }) => id).sort();
    await until('the last route is there', async () => (await ask(port, '/old/x')).servedBy === 'route old');
    await until('all else goes to the VMs', async () => `${await servedBy('/')}` === `${vmIds}`);
    expect(await servedBy('/', 'GET', { 'x-canary': 'yes' })).to.deep.equal([pod.id]);
    expect(await servedBy('/', 'GET', { 'x-canary': 'no' })).to.deep.equal(vmIds);
    expect(await servedBy('/?where=pods')).to.deep.equal([pod.id]);
    expect(await servedBy('/?where=elsewhere')).to.deep.equal(vmIds);
    expect(await servedBy('/orders', 'POST')).to.deep.equal(vmIds);
    // The first that matches, not the closest.
    expect(await servedBy('/orders?where=pods', 'POST')).to.deep.equal([pod.id]);
    const { headers, status } = await ask(port, '/old/x', 'GET', {
      'x-added': 'zero',
      'x-set': 'theirs',
      'x-gone': '1',
    });
    expect(status).to.equal(200);
    const saw = JSON.parse(String(headers['x-saw'])) as Record<string, string>;
    expect(saw).to.include({ 'x-added': 'zero, one', 'x-set': 'ours' }).and.not.have.property('x-gone');
    expect(headers).to.include({ 'x-answer': 'edited' });
  });

  it('loses no request while protocol, split, routes and access change under 200 requests a second', async () => {
    const split = {
      split: [
        { subset: 'vms', weight: 50 },
        { subset: 'pods', weight: 50 },
      ],
    };
    const ways: [string, Spec][] = [
      ['tcp', { protocol: 'tcp', access: [{ from: 'caller' }] }],
      ['http', open],
      ['split', { ...open, traffic: split }],
      ['another split', { ...open, traffic: { split: [{ subset: 'pods', weight: 100 }] } }],
      ['routes', { ...open, traffic: { ...split, routes: [{ name: 'x', path: '/x', subset: 'pods' }] } }],
      ['access', { protocol: 'http', access: [{ from: 'caller', methods: ['GET'], pathPrefix: '/' }] }],
      ['tcp again', { protocol: 'tcp', access: [{ from: 'caller' }] }],
      ['http again', open],
    ];
    await rig.declare('web', ways[0]![1]);
    await answers();
    const load = askSteadily(port, 200);
    for (const [, spec] of ways.slice(1)) {
      await rig.declare('web', spec);
      const seen = load.nowMs();
      // A state is there for as long as a sidecar takes to hear of it many times over.
      await until('time has passed', async () => load.nowMs() - seen > 1500);
    }
    const shots = await load.stop();
    const failed = shots.filter(({ status }) => status !== 200);
    console.info(`      changes under load: ${failed.length} of ${shots.length} failed`);
    expect(failed).to.deep.equal([]);
  });
});
