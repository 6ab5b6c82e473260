import { expect } from 'chai';
import type { CommandFailed } from '../../lab/host/exec.ts';
import { cacheDirectory } from '../../lab/paths.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { SITE, placeOnVm } from '../../lab/sample/on-vms.ts';
import { vmCopy, vmExec } from '../../lab/vm/exec.ts';
import { startExtraVm } from '../../lab/vm/extra.ts';
import { stopVm } from '../../lab/vm/stop.ts';
import { eventually } from '../support/eventually.ts';
import { podThatServes } from '../support/kube/pods.ts';

const OPEN = 'reach-e2e';
const LOCAL_PORT = 9595;

/** A machine that knows the nodes and has no way to their pods, which it calls. */
describe('a site without a route to pods', () => {
  let lab: RunningLab;
  const apply = (...items: object[]): Promise<string> =>
    lab.cluster.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  const meshService = (name: string, spec: object, namespace = OPEN) => ({
    apiVersion: 'landbridge.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name, namespace },
    spec: { protocol: 'tcp', ...spec },
  });
  const far = (reach: string, namespace?: string) =>
    meshService(
      'far',
      {
        port: 8080,
        reach,
        workloads: { pods: { selector: { matchLabels: { app: 'far' } } } },
        access: [{ from: 'far-caller' }, { from: 'near' }],
      },
      namespace,
    );
  const near = meshService('near', {
    workloads: { pods: { selector: { matchLabels: { app: 'near' } } } },
    upstreams: [{ service: 'far', localPort: LOCAL_PORT }],
  });
  const makePod = async (name: string) => {
    const { metadata, ...pod } = podThatServes(name);
    await apply({ ...pod, metadata: { ...metadata, namespace: OPEN } });
    await lab.cluster.kubectl(['wait', `pod/${name}`, '-n', OPEN, '--for=condition=Ready', '--timeout=60s']);
  };
  const reachable = async (reason: string, deadlineMs: number) =>
    eventually(`Reachable is ${reason}`, deadlineMs, async () => {
      // A machine tries every half minute; when it is asked to, at once.
      await vmExec({ name: 'vm6' }, ['landbridge', 'vm', 'test'], { timeoutMs: 20_000 }).catch(() => undefined);
      const text = await lab.cluster.kubectl(['get', 'meshservice', 'far', '-n', OPEN, '-o', 'json']);
      const { status } = JSON.parse(text) as {
        status?: { conditions?: { type: string; status: string; reason: string; message: string }[] };
      };
      return status?.conditions?.find((one) => one.type === 'Reachable' && one.reason === reason);
    });
  const args = ['--connect', `127.0.0.1:${LOCAL_PORT}`, '--text'];

  before(async () => {
    lab = await runningLab();
    const labels = { 'landbridge.dev/mesh': 'enabled', 'pod-security.kubernetes.io/enforce': 'privileged' };
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: OPEN, labels } });
    const workloads = { external: { sites: [SITE] } };
    await apply(
      far('pod'),
      near,
      meshService('far-caller', { workloads, upstreams: [{ service: 'far', localPort: LOCAL_PORT }] }),
    );
    for (const name of ['far', 'near'])
      await lab.cluster.kubectl(['wait', `secret/${name}-landbridge`, '-n', OPEN, '--for=create', '--timeout=30s']);
    await Promise.all([
      makePod('far'),
      makePod('near'),
      startExtraVm('vm6').then(async (vm) => {
        await vmCopy(vm, [`${cacheDirectory()}/sample/echo`], '/opt/sample');
        await placeOnVm(vm, '', { service: 'far-caller', folders: [], ports: [] });
      }),
    ]);
  });
  after(async () => {
    await lab.landbridge(['vm', 'revoke', 'vm6', '--site', SITE]).catch(() => undefined);
    await stopVm('vm6');
    const all = ['delete', 'meshservice', '--all', '-n', OPEN, '--ignore-not-found', '--timeout=60s'];
    await lab.cluster.kubectl(all);
    await lab.cluster.kubectl(['delete', 'namespace', OPEN, '--ignore-not-found', '--wait=false']);
  });

  it('learns from the machine, the condition and `check` the missing address and the remedy', async () => {
    const test = await vmExec({ name: 'vm6' }, ['landbridge', 'vm', 'test'], { timeoutMs: 20_000 }).then(
      ({ stdout }) => stdout,
      (error: CommandFailed) => error.result.stdout,
    );
    expect(test).to.match(/of its pods cannot be reached from here, 10\.244\.\d+\.\d+:20000 .*reach: hostPort/);
    const { status, message } = await reachable('NotReachedFromSite', 60_000);
    expect(status).to.equal('False');
    expect(message).to.match(
      new RegExp(`from site ${SITE}: vm6 does not reach 10\\.244\\.\\d+\\.\\d+:20000 .*, which the bridge reaches`),
    );
    expect(await lab.landbridge(['check'])).to.match(/machines outside the cluster reach.*far/);
  });

  it('reaches them at ports of their nodes, and so do pods', async () => {
    await apply(far('hostPort'));
    await reachable('PodsWithoutHostPort', 30_000);
    await lab.cluster.kubectl(['delete', 'pod', 'far', '-n', OPEN, '--wait=true', '--timeout=60s']);
    await makePod('far');
    const answer = await eventually('it answers the machine', 30_000, () =>
      vmExec({ name: 'vm6' }, ['/opt/sample/echo/echo', ...args, 'from afar'], { timeoutMs: 10_000 }),
    );
    expect(answer.stdout).to.contain('from afar');
    const inPod = ['exec', '-n', OPEN, 'near', '-c', 'app', '--', '/app/service', ...args, 'from near'];
    expect(await eventually('it answers a pod', 30_000, () => lab.cluster.kubectl(inPod))).to.contain('from near');
    await reachable('ReachedFromSites', 60_000);
  });

  it('cannot be asked for where Pod Security forbids it', async () => {
    const refused = await apply(far('hostPort', SAMPLE_NAMESPACE)).then(
      () => expect.fail('it was taken'),
      (error: CommandFailed) => error.result.stderr,
    );
    expect(refused).to.contain(
      'namespace shop enforces the Pod Security standard "restricted", which forbids host ports',
    );
  });
});
