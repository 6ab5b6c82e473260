import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import { CONSUL_SERVER_SERVICE, NAMESPACE } from '../../mesh/installation/installation.ts';
import { eventually } from '../support/eventually.ts';

const NAMES = ['add-svc.service.consul', 'sub-svc.service.consul', 'frontend.service.consul', 'consul.service.consul'];
const LOOKUPS = 1000;
/** One every 30 ms: half a minute, in which Consul goes and is back. */
const EVERY_MS = 30;

/** Asks by getaddrinfo, as apps do. Prints the names that could not be resolved. */
const ASK = `
const { lookup } = require('node:dns/promises');
const [names, count, everyMs] = JSON.parse(process.argv[1]);
(async () => {
  const failures = [];
  let slowestMs = 0;
  const started = performance.now();
  await Promise.all(Array.from({ length: count }, async (_, n) => {
    await new Promise((done) => setTimeout(done, n * everyMs));
    const from = performance.now();
    await lookup(names[n % names.length], { family: 4 }).catch((error) =>
      failures.push(Math.round(from - started) + ' ms: ' + error.message));
    slowestMs = Math.max(slowestMs, performance.now() - from);
  }));
  console.log(JSON.stringify({ failures, slowestMs: Math.round(slowestMs) }));
})();`;

interface Report {
  failures: string[];
  slowestMs: number;
}

describe('names under consul', function () {
  this.timeout(240_000);
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));

  const program = (names: string[], count: number): string[] => ['-e', ASK, JSON.stringify([names, count, EVERY_MS])];
  const fromPod = async (names: string[], count: number): Promise<Report> => {
    const exec = ['exec', '--namespace', SAMPLE_NAMESPACE, 'deployment/frontend', '--'];
    const node = ['/usr/local/bin/node', ...program(names, count)];
    return JSON.parse(await lab.cluster.kubectl([...exec, ...node], { timeoutMs: 120_000 })) as Report;
  };
  const fromVm = async (names: string[], count: number): Promise<Report> => {
    const command = ['/usr/local/bin/node', ...program(names, count)];
    return JSON.parse((await vmExec(lab.vm('vm1'), command, { timeoutMs: 120_000 })).stdout) as Report;
  };
  const resolves = (ask: () => Promise<Report>): Promise<true> =>
    eventually('every name resolves', 150_000, async () => {
      const { failures } = await ask();
      return failures.length === 0 ? true : Promise.reject(new Error(failures.join('; ')));
    });

  it('resolve in pods and on machines, with nothing set up by hand on either', async () => {
    await Promise.all([
      resolves(() => fromPod([...NAMES, 'add-svc.virtual.consul'], 10)),
      resolves(() => fromVm(NAMES, 10)),
    ]);
  });

  it('give the addresses of all instances, wherever they run', async () => {
    const { stdout } = await vmExec(lab.vm('vm1'), ['getent', 'ahostsv4', 'sub-svc.service.consul']);
    const found = new Set([...stdout.matchAll(/^(\S+)\s+STREAM/gm)].map(([, address]) => address));
    expect(found).to.include(lab.vm('vm3').address);
    expect(found.size, 'two pods and a process on vm3').to.equal(3);
  });

  it('are loopback under virtual.consul, where the sidecar listens: on a machine for its own upstreams only', async () => {
    const getent = async (name: string): Promise<string> =>
      (await vmExec(lab.vm('vm1'), ['sh', '-c', `getent ahostsv4 ${name} || echo none`])).stdout.split(/\s/)[0]!;
    expect(await getent('echo-pod.virtual.consul')).to.equal('127.0.0.1');
    expect(await getent('ledger.virtual.consul')).to.equal('none');
  });

  it(`fail in none of ${LOOKUPS} look-ups from a pod and from a machine while Consul restarts`, async () => {
    const inSystem = ['--namespace', NAMESPACE];
    const server = ['get', 'pod', `${CONSUL_SERVER_SERVICE}-0`, ...inSystem, '-o', 'jsonpath={.metadata.uid}'];
    const before = await lab.cluster.kubectl(server);
    const reports = Promise.all([fromPod(NAMES, LOOKUPS), fromVm(NAMES, LOOKUPS)]);
    await delay(3000);
    await lab.cluster.kubectl([
      'delete',
      'pod',
      `${CONSUL_SERVER_SERVICE}-0`,
      ...inSystem,
      '--wait=true',
      '--timeout=60s',
    ]);
    const status = ['rollout', 'status', `statefulset/${CONSUL_SERVER_SERVICE}`, ...inSystem, '--timeout=120s'];
    await lab.cluster.kubectl(status);
    const [pod, vm] = await reports;
    expect(await lab.cluster.kubectl(server), 'another server').not.to.equal(before);
    console.log(`      slowest look-up: pod ${pod.slowestMs} ms, machine ${vm.slowestMs} ms`);
    expect(pod.failures, 'from the pod').to.deep.equal([]);
    expect(vm.failures, 'from the machine').to.deep.equal([]);
  });
});
