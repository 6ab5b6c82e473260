import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Traffic } from '../../crds/traffic.ts';
import { askBridge, bridgeAccess } from '../../cli/bridge-admin.ts';
import { cacheDirectory } from '../../lab/paths.ts';
import type { RunningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { SITE, placeOnVm, startUnits } from '../../lab/sample/on-vms.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import { startExtraVm } from '../../lab/vm/extra.ts';
import { stopVm } from '../../lab/vm/stop.ts';
import { type Vm, netnsPath } from '../../lab/vm/vm.ts';
import type { InstanceRow, InstancesAnswer } from '../../mesh/outside/bridge-api.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type SteadyLoad, startSteadyLoad } from '../../test/support/load/steady-load.ts';

const SERVICE = 'hop';
const CALLER = 'hop-caller';
const CALLER_PORT = 9494;
const PATH = '/api/v1/execute?l=5&r=3';
const CHECK = 'http:/actuator/health';

/** The time that one line took on a machine that had nothing of ours, and the output. */
interface OneLine {
  seconds: number;
  said: string;
}

/**
 * One hop of the mesh: a caller on vm1 and a service of small processes, one of them on vm1 as well, and one on each of the
 * machines that are new for this. The sample's own machines and services are left alone.
 */
export interface Hop {
  lab: RunningLab;
  /** Applies the traffic rules and waits until Consul has them. */
  declare(traffic: Traffic): Promise<void>;
  /** Boots a machine and joins it by the line that `landbridge vm invite` prints. */
  newMachine(name: string): Promise<{ vm: Vm; unit: string; line: OneLine }>;
  instances(): Promise<InstanceRow[]>;
  /** Until the instance on that machine is so, as the bridge has it. */
  until(host: string, health: 'passing' | 'critical' | 'gone', deadlineMs: number): Promise<void>;
  load(perSecond: number): Promise<SteadyLoad>;
  /** Until `hosts`, and no others, answered a second of requests, and all with 200. */
  settled(hosts: string[]): Promise<void>;
  remove(): Promise<void>;
}

export async function startHop(lab: RunningLab): Promise<Hop> {
  const sample = join(cacheDirectory(), 'sample');
  const machines: string[] = [];
  const admin = await bridgeAccess({ kubeconfig: lab.cluster.kubeconfig, namespace: NAMESPACE });
  const port = randomInt(7000, 8000);
  const placed = { service: SERVICE, folders: ['sub-svc'], unit: 'sub-svc@%', ports: [port], check: CHECK };
  const unit = `sub-svc@${port}`;
  const meshService = (name: string, spec: object) => ({
    apiVersion: 'landbridge.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name, namespace: SAMPLE_NAMESPACE },
    spec: { protocol: 'http', workloads: { external: { sites: [SITE] } }, ...spec },
  });
  const apply = async (...items: object[]): Promise<void> => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await lab.cluster.kubectl(['apply', '-f', '-'], { input });
    const names = items.map((item) => `meshservice/${(item as { metadata: { name: string } }).metadata.name}`);
    await lab.cluster.kubectl([
      ...['wait', ...names, '-n', SAMPLE_NAMESPACE, '--for=condition=Synced', '--timeout=30s'],
    ]);
  };
  const load = (perSecond: number): Promise<SteadyLoad> =>
    startSteadyLoad({ host: '127.0.0.1', port: CALLER_PORT, path: PATH, perSecond }, netnsPath('vm1'));

  const hop: Hop = {
    lab,
    load,
    declare: (traffic) => apply(meshService(SERVICE, { access: [{ from: CALLER }], traffic })),
    async newMachine(name) {
      machines.push(name);
      const vm = await startExtraVm(name, await lab.cluster.nodes());
      await startUnits(vm, sample, [placed]);
      const flags = ['--site', SITE, '--port', `${port}`, '--check', CHECK];
      const [text = ''] = (await lab.landbridge(['vm', 'invite', SERVICE, ...flags])).split('\n');
      // It has the program for the lab's own sake; the line brings its own.
      await vmExec(vm, ['rm', '-rf', '/usr/local/bin/landbridge', '/usr/local/lib/landbridge']);
      const began = performance.now();
      const { stdout } = await vmExec(vm, ['sh', '-c', text], { timeoutMs: 120_000 });
      return { vm, unit, line: { seconds: (performance.now() - began) / 1000, said: stdout.trim() } };
    },
    async instances() {
      const { instances } = await askBridge<InstancesAnswer>(admin, 'GET', '/v1/instances');
      return instances.filter(({ service }) => service === SERVICE);
    },
    async until(host, health, deadlineMs) {
      await eventually(`${SERVICE} on ${host} is ${health}`, deadlineMs, async () => {
        const row = (await hop.instances()).find((one) => one.host === host);
        return (row?.health ?? 'gone') === health;
      });
    },
    async settled(hosts) {
      await eventually(`${hosts.join(', ')} answer`, 60_000, async () => {
        const probe = await load(40);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const shots = await probe.stop();
        const seen = [...new Set(shots.map(({ status, servedBy }) => `${status} ${servedBy.split('@')[1]}`))].sort();
        const wanted = hosts.map((host) => `200 ${host}`).sort();
        return `${seen}` === `${wanted}` || Promise.reject(new Error(`answers: ${seen.join(', ')}`));
      });
    },
    async remove() {
      for (const name of machines) {
        await lab.landbridge(['vm', 'revoke', name, '--site', SITE]).catch(() => undefined);
        await stopVm(name).catch(tell);
      }
      const leave = `landbridge vm leave ${SERVICE}; landbridge vm leave ${CALLER}; systemctl disable --now ${unit}`;
      await vmExec(lab.vm('vm1'), ['sh', '-c', leave], { timeoutMs: 60_000 }).catch(tell);
      const names = [SERVICE, CALLER];
      await lab.cluster
        .kubectl(['delete', 'meshservice', ...names, '-n', SAMPLE_NAMESPACE, '--ignore-not-found', '--timeout=60s'])
        .catch(tell);
    },
  };
  const tell = (error: Error): void => console.log(`taking the hop down: ${error.message}`);
  try {
    await apply(
      meshService(SERVICE, { access: [{ from: CALLER }] }),
      meshService(CALLER, { upstreams: [{ service: SERVICE, localPort: CALLER_PORT }] }),
    );
    await placeOnVm(lab.vm('vm1'), sample, placed);
    await placeOnVm(lab.vm('vm1'), sample, { service: CALLER, folders: [], ports: [] });
    await hop.settled(['vm1']);
  } catch (error) {
    await hop.remove();
    throw error;
  }
  return hop;
}
