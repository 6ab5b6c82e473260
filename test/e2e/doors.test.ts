import { expect } from 'chai';
import { SIDECAR_PORT, SIDECAR_READY_PORT } from '../../crds/mesh-service.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { failuresOf, underLoad } from '../support/load/load.ts';
import { podThatServes } from '../support/kube/pods.ts';
import { conditionOf, memberPods, onMachines } from '../support/doors.ts';
import { type Knock, type Stranger, gotThrough, inContainer, onVm, strangerPod } from '../support/strangers.ts';

const ELSEWHERE = 'default';
const inShop = ['--namespace', SAMPLE_NAMESPACE];
const APP_PORT = 8080;
const SIDECAR_PORTS = [SIDECAR_PORT, SIDECAR_READY_PORT];
/** How many calls of strangers each kind of door has to refuse. */
const CALLS = 100;

/** Where strangers stand: pods of another namespace and of the same, and the networks of nodes. */
const HOSTS = [
  { name: 'stranger-one', namespace: ELSEWHERE, worker: 0, hostNetwork: false },
  { name: 'stranger-two', namespace: ELSEWHERE, worker: 1, hostNetwork: false },
  { name: 'stranger-on-node-one', namespace: ELSEWHERE, worker: 0, hostNetwork: true },
  { name: 'stranger-on-node-two', namespace: ELSEWHERE, worker: 1, hostNetwork: true },
  { name: 'stranger-beside', namespace: SAMPLE_NAMESPACE, worker: 0, hostNetwork: false },
];

describe('doors of Strict services', () => {
  let lab: RunningLab;
  let strangers: Stranger[];

  const apply = (...items: object[]): Promise<string> =>
    lab.cluster.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  const remove = (namespace: string, ...names: string[]): Promise<string> =>
    lab.cluster.kubectl(['delete', ...names, '-n', namespace, '--ignore-not-found', '--wait=true', '--timeout=60s']);

  before(async () => {
    lab = await runningLab();
    const workers = (await lab.cluster.nodes()).filter(({ role }) => role === 'worker').map(({ name }) => name);
    const nodeOf = ({ worker }: { worker: number }): string => workers[worker] ?? '';
    await apply(...HOSTS.map((host) => strangerPod(host.name, host.namespace, nodeOf(host), host.hostNetwork)));
    for (const { name, namespace } of HOSTS)
      await lab.cluster.kubectl(['wait', `pod/${name}`, '-n', namespace, '--for=condition=Ready', '--timeout=60s']);
    const [frontend] = await memberPods(lab, 'frontend');
    const member = { namespace: SAMPLE_NAMESPACE, name: frontend!.name, container: 'frontend' };
    strangers = [
      ...HOSTS.map((host) =>
        inContainer(
          lab,
          host.name,
          { ...host, container: 'app' },
          host.hostNetwork ? { sharesNode: nodeOf(host) } : {},
        ),
      ),
      inContainer(lab, 'the app of a member', member, { address: frontend!.ip }),
      ...lab.vms.map((vm) => onVm(vm)),
    ];
  });
  after(async () => {
    for (const { name, namespace } of HOSTS) await remove(namespace, `pod/${name}`);
  });

  /** One call of each stranger to each place. Left out: itself, and pods of the node whose network it shares, since no policy refuses such calls. */
  const callAll = async (places: { ip: string; node?: string; port: number }[]): Promise<Knock[]> => {
    const all = strangers.map((stranger) => {
      const { address, sharesNode } = stranger.place;
      const others = places.filter(({ ip, node }) => ip !== address && (node === undefined || node !== sharesNode));
      return stranger.knock(others.map(({ ip, port }) => `${ip}:${port}`));
    });
    return (await Promise.all(all)).flat();
  };
  const podPorts = async (port: number, service?: string) =>
    (await memberPods(lab, service)).map(({ ip, node }) => ({ ip, node, port }));
  const turnedAway = (knocks: Knock[]): Knock[] => knocks.filter(({ outcome }) => outcome !== 'through');

  it('are enforced for every service of the sample that takes calls, on pods and on machines', async () => {
    for (const name of ['api-gateway', 'frontend', 'sub-svc', 'echo-pod', 'echo-client', 'add-svc', 'echo-vm', 'edge'])
      await eventually(`${name} is enforced`, 60_000, async () => {
        const found = await conditionOf(lab, name, 'Enforced');
        return found?.status === 'True' || Promise.reject(new Error(JSON.stringify(found)));
      });
  });

  it('refuse a hundred plain calls to pods, and take those to sidecars', async () => {
    const knocks: Knock[] = [];
    while (knocks.length < CALLS) knocks.push(...(await callAll(await podPorts(APP_PORT))));
    console.log(`    ${knocks.length} plain calls to app ports of pods, ${gotThrough(knocks).length} got through`);
    expect(gotThrough(knocks)).to.deep.equal([]);
    // The same callers reach the sidecars: the port is closed above, and not the way.
    for (const port of SIDECAR_PORTS) expect(turnedAway(await callAll(await podPorts(port)))).to.deep.equal([]);
  });

  it('refuse a hundred plain calls to machines, and take those to sidecars', async () => {
    const instances = (await onMachines(lab)).filter(({ service }) => service !== 'edge');
    expect(instances.map(({ service }) => service)).to.include.members(['add-svc', 'sub-svc', 'echo-vm']);
    const knocks: Knock[] = [];
    while (knocks.length < CALLS)
      knocks.push(...(await callAll(instances.map(({ ip, appPort }) => ({ ip, port: appPort })))));
    console.log(`    ${knocks.length} plain calls to app ports on machines, ${gotThrough(knocks).length} got through`);
    expect(gotThrough(knocks)).to.deep.equal([]);
    const sidecars = instances.map(({ ip, sidecarPort }) => ({ ip, port: sidecarPort }));
    expect(turnedAway(await callAll(sidecars))).to.deep.equal([]);
  });

  it('are open while plaintextPorts names them, and closed after it', async () => {
    const service = (plaintextPorts: number[]) => ({
      apiVersion: 'landbridge.dev/v1alpha1',
      kind: 'MeshService',
      metadata: { name: 'ajar', namespace: SAMPLE_NAMESPACE },
      spec: {
        protocol: 'tcp',
        port: APP_PORT,
        mutualTLS: 'Strict',
        plaintextPorts,
        workloads: { pods: { selector: { matchLabels: { app: 'ajar' } } } },
      },
    });
    const knock = async (): Promise<Knock[]> => callAll(await podPorts(APP_PORT, 'ajar'));
    try {
      await apply(service([APP_PORT]));
      await lab.cluster.kubectl(['wait', 'secret/ajar-landbridge', ...inShop, '--for=create', '--timeout=30s']);
      await apply(podThatServes('ajar'));
      await lab.cluster.kubectl(['wait', 'pod/ajar', ...inShop, '--for=condition=Ready', '--timeout=60s']);
      expect(turnedAway(await knock())).to.deep.equal([]);
      await apply(service([]));
      await eventually('it is closed', 30_000, async () => gotThrough(await knock()).length === 0);
    } finally {
      await remove(SAMPLE_NAMESPACE, 'pod/ajar', 'meshservice/ajar');
    }
  });

  it('fail no click while pods come and go, and let nobody in once a pod is ready', async () => {
    const [outside] = strangers;
    const late: Knock[] = [];
    const story = async (): Promise<void> => {
      for (const name of ['sub-svc', 'frontend', 'api-gateway']) {
        await lab.cluster.kubectl(['rollout', 'restart', `deployment/${name}`, ...inShop]);
        await lab.cluster.kubectl(['rollout', 'status', `deployment/${name}`, ...inShop, '--timeout=180s']);
        const pods = await memberPods(lab, name);
        late.push(...(await outside!.knock(pods.map(({ ip }) => `${ip}:${APP_PORT}`))));
      }
    };
    const shots = await underLoad(lab.edge, story, { perSecond: 10 });
    console.log(`    ${failuresOf(shots).length} of ${shots.length} clicks failed`);
    expect(failuresOf(shots).slice(0, 5)).to.deep.equal([]);
    expect(late).to.have.length.greaterThan(4);
    expect(gotThrough(late)).to.deep.equal([]);
  });
});
