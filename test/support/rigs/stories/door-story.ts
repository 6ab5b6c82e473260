import { setTimeout as delay } from 'node:timers/promises';
import type { RunningLab } from '../../../../lab/running.ts';
import { LEDGER_PORT, SITE } from '../../../../lab/sample/on-vms.ts';
import { vmCopy, vmExec } from '../../../../lab/vm/exec.ts';
import { netnsPath } from '../../../../lab/vm/vm.ts';
import { eventually } from '../../eventually.ts';
import { podSpec } from '../../kube/pods.ts';
import { failed, startSteadyLoad } from '../../load/steady-load.ts';

const NAMESPACE = 'door-story';
const inStory = ['-n', NAMESPACE];
const IMAGE = 'landbridge-sample/frontend:dev';
const VM = 'vm3';
const APP_PORT = 8080;
const [TO_POD, TO_MACHINE] = [9301, 9302];
const PER_SECOND = 20;

const PROGRAM_FOLDER = '/usr/local/lib/landbridge';

/** As a machine that never was in a mesh; the app of a machine that nobody may touch stays, and is the one that joins. */
const FORGET = `
systemctl disable --now landbridge-agent landbridge-doors.path landbridge-doors-boot
nft delete table inet landbridge
rm -rf /var/lib/landbridge /var/lib/landbridge-doors /etc/landbridge /etc/systemd/system/landbridge-*
systemctl daemon-reload
systemctl start ledger`;

const SERVER = `require('node:http').createServer((_, answer) => answer.end()).listen(${APP_PORT})`;
/** Calls the machine by its sidecar for ever, and writes how often each second, and each call that fails. */
const CALLER = `
let calls = 0;
const { get } = require('node:http');
const tell = (failure) => console.log(JSON.stringify({ failure }));
setInterval(() => {
  calls += 1;
  const call = get({ host: '127.0.0.1', port: ${TO_MACHINE}, path: '/health', agent: false, timeout: 30000 }, (answer) => {
    if (answer.statusCode !== 200) tell(answer.statusCode);
    answer.resume();
  });
  call.on('timeout', () => call.destroy(new Error('no answer')));
  call.on('error', (error) => tell(error.message));
}, ${1000 / PER_SECOND});
setInterval(() => console.log(JSON.stringify({ calls })), 1000);`;

/** How many calls there were, and how the failed ones failed. */
export interface Calls {
  count: number;
  failures: string[];
}

export const WAYS = ['plain to the pod', 'plain to the machine', 'machine to pod', 'pod to machine'] as const;
type Way = (typeof WAYS)[number];

/** A pod and a machine, called by each other in the mesh, and past the mesh by the host of the lab. The rest of the machine is forgotten. */
export interface DoorStory {
  /** Calls on all four ways while `work` runs, with calm before and after it. */
  during(work: () => Promise<unknown>): Promise<Record<Way, Calls>>;
  /** Waits until calls on this way get through, or none does. */
  settled(way: Way, through: boolean): Promise<unknown>;
  /** Puts another program on the machine, and runs the line of a new invite with it. */
  upgradeMachine(bundle: string): Promise<void>;
  policies(): Promise<string>;
  condition(name: string, type: string): Promise<{ status: string; reason: string; message: string } | undefined>;
  remove(): Promise<void>;
}

/** On an installation that is there; `bundle`: the program that the machine joins with. */
export async function startDoorStory(lab: RunningLab, bundle: string): Promise<DoorStory> {
  const { kubectl } = lab.cluster;
  const vm = lab.vm(VM);
  const apply = (...items: object[]): Promise<string> =>
    kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  const service = (name: string, spec: object): object => ({
    apiVersion: 'landbridge.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name, namespace: NAMESPACE },
    spec,
  });
  const pod = (name: string, script: string): object => {
    const spec = podSpec([], [], IMAGE);
    const containers = spec.containers.map((one) => ({ ...one, command: ['/usr/local/bin/node', '-e', script] }));
    const metadata = { name, namespace: NAMESPACE, labels: { app: name } };
    return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...spec, containers } };
  };
  const join = async (name: string, ...flags: string[]): Promise<void> => {
    const said = await lab.landbridge(['vm', 'invite', name, '--site', SITE, '-o', 'json']);
    const { invite } = JSON.parse(said) as { invite: string };
    await vmExec(vm, ['landbridge', 'vm', 'join', invite, ...flags], { timeoutMs: 60_000 });
  };

  const pods = { selector: { matchLabels: { app: 'door-caller' } } };
  const external = { sites: [SITE] };
  const access = [{ from: 'door-caller' }];
  const upstreams = [
    { service: 'door-pod', localPort: TO_POD },
    { service: 'door-machine', localPort: TO_MACHINE },
  ];
  await vmExec(vm, ['sh', '-c', FORGET], { timeoutMs: 60_000 });
  await vmCopy(vm, [bundle], PROGRAM_FOLDER);
  await apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: NAMESPACE, labels: { 'landbridge.dev/mesh': 'enabled' } },
  });
  await apply(
    service('door-pod', {
      protocol: 'http',
      port: APP_PORT,
      access,
      workloads: { pods: { selector: { matchLabels: { app: 'door-pod' } } } },
    }),
    service('door-machine', { protocol: 'http', access, workloads: { external } }),
    service('door-caller', { upstreams, workloads: { pods, external } }),
  );
  for (const name of ['door-pod', 'door-caller'])
    await kubectl(['wait', `secret/${name}-landbridge`, ...inStory, '--for=create', '--timeout=60s']);
  await apply(pod('door-pod', SERVER), pod('door-caller', CALLER));
  const joinMachine = (): Promise<void> => join('door-machine', '--port', `${LEDGER_PORT}`, '--check', 'http:/health');
  await joinMachine();
  await join('door-caller');
  await kubectl(['wait', 'pod', '--all', ...inStory, '--for=condition=Ready', '--timeout=90s']);
  const podIp = await kubectl(['get', 'pod', 'door-pod', ...inStory, '-o', 'jsonpath={.status.podIP}']);

  const targets: Record<
    Exclude<Way, 'pod to machine'>,
    { host: string; port: number; path: string; netns?: string }
  > = {
    'plain to the pod': { host: podIp, port: APP_PORT, path: '/' },
    'plain to the machine': { host: vm.address, port: LEDGER_PORT, path: '/health' },
    'machine to pod': { host: '127.0.0.1', port: TO_POD, path: '/', netns: netnsPath(VM) },
  };
  /** A connection for each call: one that is there already says nothing about a door. */
  const headers = { connection: 'close' };
  const byPod = async (): Promise<Calls> => {
    const lines = (await kubectl(['logs', 'door-caller', '-c', 'app', ...inStory])).split('\n').filter(Boolean);
    const said = lines.map((line) => JSON.parse(line) as { calls?: number; failure?: string | number });
    return {
      count: said.findLast(({ calls }) => calls !== undefined)?.calls ?? 0,
      failures: said.flatMap(({ failure }) => (failure === undefined ? [] : [`${failure}`])),
    };
  };

  const story: DoorStory = {
    async during(work) {
      const before = await byPod();
      const loads = await Promise.all(
        Object.entries(targets).map(async ([way, { netns, ...target }]) => ({
          way,
          load: await startSteadyLoad({ ...target, headers, perSecond: PER_SECOND }, netns),
        })),
      );
      const results: Partial<Record<Way, Calls>> = {};
      try {
        await delay(2000);
        await work();
        await delay(5000);
      } finally {
        for (const { way, load } of loads) {
          const shots = await load.stop();
          const began = shots[0]?.sentAtMs ?? 0;
          const lost = shots.filter(failed).map(({ status, sentAtMs }) => `${status} at ${sentAtMs - began} ms`);
          results[way as Way] = { count: shots.length, failures: lost };
        }
      }
      const after = await byPod();
      results['pod to machine'] = {
        count: after.count - before.count,
        failures: after.failures.slice(before.failures.length),
      };
      return results as Record<Way, Calls>;
    },
    settled: (way, through) =>
      eventually(`${way}: ${through ? 'calls get through' : 'no call gets through'}`, 60_000, async () => {
        if (way === 'pod to machine') {
          const { count, failures } = await byPod();
          await delay(2000);
          const now = await byPod();
          const lost = now.failures.length - failures.length;
          return through ? lost === 0 : lost >= now.count - count;
        }
        const { netns, ...target } = targets[way];
        const load = await startSteadyLoad({ ...target, headers, perSecond: PER_SECOND }, netns);
        await delay(1000);
        const lost = (await load.stop()).map(failed);
        return through ? !lost.includes(true) : !lost.includes(false);
      }),
    async upgradeMachine(path) {
      await vmCopy(vm, [path], PROGRAM_FOLDER);
      await joinMachine();
    },
    policies: () => kubectl(['get', 'networkpolicies', ...inStory, '-o', 'name']),
    async condition(name, type) {
      const said = await kubectl(['get', 'meshservice', name, ...inStory, '-o', 'jsonpath={.status.conditions}']);
      const conditions = JSON.parse(said || '[]') as {
        type: string;
        status: string;
        reason: string;
        message: string;
      }[];
      return conditions.find((one) => one.type === type);
    },
    async remove() {
      await vmExec(vm, ['landbridge', 'vm', 'leave', '--all'], { timeoutMs: 60_000 }).catch(() => undefined);
      await kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=90s']);
    },
  };
  for (const way of WAYS) await story.settled(way, true);
  return story;
}
