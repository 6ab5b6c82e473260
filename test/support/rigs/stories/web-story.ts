import { join } from 'node:path';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { cacheDirectory } from '../../../../lab/paths.ts';
import { runningLab, type RunningLab } from '../../../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../../../lab/sample/in-cluster.ts';
import { SITE, placeOnVm } from '../../../../lab/sample/on-vms.ts';
import { vmExec } from '../../../../lab/vm/exec.ts';
import { netnsPath } from '../../../../lab/vm/vm.ts';
import { eventually } from '../../eventually.ts';
import { podSpec } from '../../kube/pods.ts';
import { type LoadSettings, type SteadyLoad, startSteadyLoad } from '../../load/steady-load.ts';

type Spec = Partial<MeshServiceSpecInput>;

const HOST = 'web.example';
const PATH = '/api/v1/execute?l=5&r=3';
export const VMS = ['vm2', 'vm3'] as const;
const PORT = 7901;
const CALLER_PORT = 9393;
const STRANGER_PORT = 9394;
const inShop = ['-n', SAMPLE_NAMESPACE];

/** Where a caller stands: at the edge gateway, or on vm1, whose sidecars have `web` as an upstream. */
export type From = 'edge' | 'caller' | 'stranger';

/** `web`: two pods and a process on each of two VMs, which answer as sub-svc; two callers on a third VM. */
export interface WebStory {
  lab: RunningLab;
  /** Applies the MeshService with these fields and waits until the operator has written it to Consul. */
  declare(spec: Spec): Promise<void>;
  load(from: From, perSecond: number, more?: Partial<LoadSettings>): Promise<SteadyLoad>;
  /** Waits until `so` holds for a second of requests. */
  settled(
    what: string,
    from: From,
    so: (shots: Awaited<ReturnType<SteadyLoad['stop']>>) => boolean,
    more?: Partial<LoadSettings>,
  ): Promise<void>;
  pods(): Promise<string[]>;
  /** A signal to the app of a pod. */
  signalPod(pod: string, signal: 'STOP' | 'CONT'): Promise<void>;
  /** A signal to the Envoy of `web` on a VM. */
  killEnvoy(vm: string): Promise<void>;
  unit: string;
  remove(): Promise<void>;
}

const open: Spec = { protocol: 'http', access: [{ from: 'web-caller' }, { from: 'web-stranger' }] };

export async function startWebStory(): Promise<WebStory> {
  const lab = await runningLab();
  const node = (await lab.cluster.nodes())[0]!.address;
  const target: Record<From, Pick<LoadSettings, 'host' | 'port' | 'headers'>> = {
    edge: { host: node, port: 30_800, headers: { host: HOST } },
    caller: { host: '127.0.0.1', port: CALLER_PORT },
    stranger: { host: '127.0.0.1', port: STRANGER_PORT },
  };
  const apply = (objects: object[]) =>
    lab.cluster.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    });
  const meshService = (name: string, spec: object) => ({
    apiVersion: 'landbridge.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name, namespace: SAMPLE_NAMESPACE },
    spec,
  });
  const story: WebStory = {
    lab,
    unit: `sub-svc@${PORT}`,
    async declare(spec) {
      const external = { sites: [SITE] };
      const workloads = { pods: { selector: { matchLabels: { app: 'web' } } }, external };
      const expose = (spec.protocol ?? open.protocol) === 'http' ? { expose: { hosts: [HOST] } } : {};
      await apply([meshService('web', { port: 8080, workloads, ...open, ...expose, ...spec })]);
      await eventually('the operator has taken it over', 20_000, async () => {
        const text = await lab.cluster.kubectl(['get', 'meshservice', 'web', ...inShop, '-o', 'json']);
        const { metadata, status } = JSON.parse(text) as {
          metadata: { generation: number };
          status?: { observedGeneration?: number; conditions?: { type: string; status: string; message: string }[] };
        };
        const synced = status?.conditions?.find(({ type }) => type === 'Synced');
        if (synced !== undefined && synced.status !== 'True') throw new Error(synced.message);
        return status?.observedGeneration === metadata.generation && synced?.status === 'True';
      });
    },
    load: (from, perSecond, more = {}) =>
      startSteadyLoad(
        { path: PATH, ...target[from], perSecond, ...more },
        from === 'edge' ? undefined : netnsPath('vm1'),
      ),
    async settled(what, from, so, more) {
      await eventually(what, 90_000, async () => {
        const load = await story.load(from, 60, more);
        await new Promise((resolve) => setTimeout(resolve, 1500));
        const shots = await load.stop();
        const seen = [...new Set(shots.map(({ status, servedBy }) => `${status} ${servedBy}`))].sort().join(', ');
        return so(shots) ? true : Promise.reject(new Error(`answers: ${seen}`));
      });
    },
    async pods() {
      const names = await lab.cluster.kubectl([
        'get',
        'pods',
        ...inShop,
        '-l',
        'app=web',
        '-o',
        'jsonpath={.items[*].metadata.name}',
      ]);
      return names.split(' ');
    },
    async signalPod(pod, signal) {
      const of = (field: string) => lab.cluster.kubectl(['get', 'pod', pod, ...inShop, '-o', `jsonpath=${field}`]);
      const [node, id] = await Promise.all([
        of('{.spec.nodeName}'),
        of('{.status.containerStatuses[?(@.name=="app")].containerID}'),
      ]);
      const script = `kill -${signal} "$(crictl inspect --output go-template --template '{{.info.pid}}' "$1")"`;
      await lab.engine.docker(['exec', node, 'sh', '-euc', script, 'signal', id.replace('containerd://', '')]);
    },
    async killEnvoy(vm) {
      // In the VM's own process namespace; the brackets keep the search from finding itself.
      const script = `kill -KILL $(pgrep -f -- '--service-cluster [w]eb ')`;
      await vmExec(lab.vm(vm), ['sh', '-euc', script]);
    },
    async remove() {
      for (const vm of VMS) {
        await vmExec(lab.vm(vm), ['sh', '-c', `landbridge vm leave web; systemctl disable --now ${story.unit}`], {
          timeoutMs: 60_000,
        }).catch(report);
      }
      for (const name of ['web-caller', 'web-stranger'])
        await vmExec(lab.vm('vm1'), ['landbridge', 'vm', 'leave', name], { timeoutMs: 60_000 }).catch(report);
      const names = ['web', 'web-caller', 'web-stranger'];
      await lab.cluster
        .kubectl(['delete', 'deployment', 'web', ...inShop, '--ignore-not-found', '--wait=true', '--timeout=60s'])
        .catch(report);
      await lab.cluster
        .kubectl(['delete', 'meshservice', ...names, ...inShop, '--ignore-not-found', '--timeout=60s'])
        .catch(report);
    },
  };
  const report = (error: Error): void => console.log(`    taking the story down: ${error.message}`);
  const caller = (localPort: number) => ({
    protocol: 'http',
    workloads: { external: { sites: [SITE] } },
    upstreams: [{ service: 'web', localPort }],
    proxy: { accessLog: 'json' },
  });
  try {
    await apply([meshService('web-caller', caller(CALLER_PORT)), meshService('web-stranger', caller(STRANGER_PORT))]);
    await story.declare({});
    await eventually('its Secret is there', 20_000, () =>
      lab.cluster.kubectl(['get', 'secret', 'web-landbridge', ...inShop, '-o', 'name']),
    );
    await apply([deployment]);
    const sample = join(cacheDirectory(), 'sample');
    const check = 'http:/actuator/health';
    await Promise.all([
      ...VMS.map((vm) =>
        placeOnVm(lab.vm(vm), sample, {
          service: 'web',
          folders: ['sub-svc'],
          unit: 'sub-svc@%',
          ports: [PORT],
          check,
        }),
      ),
      placeOnVm(lab.vm('vm1'), sample, { service: 'web-caller', folders: [], ports: [] }).then(() =>
        placeOnVm(lab.vm('vm1'), sample, { service: 'web-stranger', folders: [], ports: [] }),
      ),
      lab.cluster.kubectl(['rollout', 'status', 'deployment/web', ...inShop, '--timeout=90s']),
    ]);
    for (const from of ['edge', 'caller'] as const) await story.settled('all four answer', from, allFour);
  } catch (error) {
    await story.remove();
    throw error;
  }
  return story;
}

export const allFour = (shots: { status: number; servedBy: string }[]): boolean =>
  shots.every(({ status }) => status === 200) && new Set(shots.map(({ servedBy }) => servedBy)).size === 4;

const probe = {
  httpGet: { path: '/actuator/health', port: 8080 },
  periodSeconds: 2,
  timeoutSeconds: 3,
  failureThreshold: 2,
};
const app = podSpec([], [{ name: 'PLATFORM', value: 'pod' }], 'landbridge-sample/sub-svc:dev');
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: SAMPLE_NAMESPACE, labels: { app: 'web' } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { ...app, containers: app.containers.map((one) => ({ ...one, args: undefined, readinessProbe: probe })) },
    },
  },
};
