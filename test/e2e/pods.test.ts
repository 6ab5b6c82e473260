import { expect } from 'chai';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { podSpec, podThatServes } from '../support/kube/pods.ts';
import { eventually } from '../support/eventually.ts';

const inShop = ['--namespace', SAMPLE_NAMESPACE];

const meshService = (name: string, app: string) => ({
  apiVersion: 'landbridge.dev/v1alpha1',
  kind: 'MeshService',
  metadata: { name, namespace: SAMPLE_NAMESPACE },
  spec: {
    protocol: 'tcp',
    port: 8080,
    workloads: { pods: { selector: { matchLabels: { app } } } },
    upstreams: [{ service: 'echo-vm', localPort: 9191 }],
  },
});

describe('pods with a sidecar', () => {
  let lab: RunningLab;
  before(async () => (lab = await runningLab()));

  const apply = (object: object): Promise<string> =>
    lab.cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  const remove = (...names: string[]): Promise<string> =>
    lab.cluster.kubectl(['delete', ...names, ...inShop, '--ignore-not-found', '--wait=true', '--timeout=60s']);
  const seen = (name: string): Promise<string> =>
    lab.cluster.kubectl(['wait', `secret/${name}-landbridge`, ...inShop, '--for=create', '--timeout=30s']);
  const status = async (name: string) =>
    JSON.parse(await lab.cluster.kubectl(['get', 'meshservice', name, ...inShop, '-o', 'jsonpath={.status}'])) as {
      pods?: string;
      instances?: { pods?: { withoutSidecar?: number } };
      conditions?: { type: string; status: string; reason: string; message: string }[];
    };

  it('lets a Job call through the mesh from its first moment, and complete', async () => {
    try {
      await apply({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'one-shot', namespace: SAMPLE_NAMESPACE },
        spec: {
          backoffLimit: 0,
          template: {
            // With this label it is an instance of echo-client, which may call echo-vm.
            metadata: { labels: { app: 'echo-client' } },
            spec: { restartPolicy: 'Never', ...podSpec(['--connect', '127.0.0.1:9191', '--text', 'from a job']) },
          },
        },
      });
      await lab.cluster.kubectl(['wait', 'job/one-shot', ...inShop, '--for=condition=Complete', '--timeout=60s']);
      expect(await lab.cluster.kubectl(['logs', 'job/one-shot', ...inShop, '-c', 'app'])).to.contain('from a job');
      const containers = 'jsonpath={.items[0].status.initContainerStatuses[0].state.terminated.exitCode}';
      const pods = ['get', 'pods', ...inShop, '-l', 'job-name=one-shot', '-o', containers];
      expect(await lab.cluster.kubectl(pods), 'the sidecar ended by itself').to.equal('0');
    } finally {
      await remove('job/one-shot');
    }
  });

  it('deletes a pod in under 5 s when its app exits at once', async () => {
    try {
      await apply(meshService('quick', 'quick'));
      await seen('quick');
      const pod = podThatServes('quick');
      pod.spec = podSpec(['--serve'], [{ name: 'DRAIN_SECONDS', value: '0' }]);
      await apply(pod);
      await lab.cluster.kubectl(['wait', 'pod/quick', ...inShop, '--for=condition=Ready', '--timeout=60s']);
      const started = performance.now();
      await lab.cluster.kubectl(['delete', 'pod/quick', ...inShop, '--wait=true', '--timeout=60s']);
      expect(performance.now() - started).to.be.lessThan(5000);
    } finally {
      await remove('pod/quick', 'meshservice/quick');
    }
  });

  it('counts pods that were there before their MeshService, and says how to mend it', async () => {
    try {
      await apply(podThatServes('early'));
      await lab.cluster.kubectl(['wait', 'pod/early', ...inShop, '--for=condition=Ready', '--timeout=60s']);
      await apply(meshService('early', 'early'));
      const injected = await eventually('the status tells', 30_000, async () =>
        (await status('early')).conditions?.find(({ type, status }) => type === 'Injected' && status === 'False'),
      );
      expect(injected).to.include({ reason: 'PodsWithoutSidecar' });
      expect(injected.message).to.contain('delete pod/early and apply it again');
      expect((await status('early')).instances?.pods?.withoutSidecar).to.equal(1);
    } finally {
      await remove('pod/early', 'meshservice/early');
    }
  });

  it('gives a pod that two MeshServices select to the older, and says so in the conditions of both', async () => {
    try {
      await apply(meshService('one', 'twice'));
      await apply(meshService('two', 'twice'));
      await Promise.all([seen('one'), seen('two')]);
      const sentence = 'MeshServices one and two select the same pods';
      for (const name of ['one', 'two'])
        await eventually(`${name} says so`, 30_000, async () =>
          (await status(name)).conditions?.some(
            ({ reason, message }) => reason === 'SelectorsOverlap' && message.includes(sentence),
          ),
        );
      await apply(podThatServes('twice'));
      await lab.cluster.kubectl(['wait', 'pod/twice', ...inShop, '--for=condition=Ready', '--timeout=60s']);
      const label = 'jsonpath={.metadata.labels.landbridge\\.dev/mesh-service}';
      expect(await lab.cluster.kubectl(['get', 'pod/twice', ...inShop, '-o', label])).to.equal('one');
    } finally {
      await remove('pod/twice', 'meshservice/one', 'meshservice/two');
    }
  });

  it('removes all of a MeshService from Consul when it is deleted', async () => {
    await apply(meshService('passing-by', 'passing-by'));
    await seen('passing-by');
    await eventually('it is in Consul', 20_000, async () =>
      (await status('passing-by')).conditions?.find(({ type, status }) => type === 'Synced' && status === 'True'),
    );
    await remove('meshservice/passing-by');
    const left = await lab.cluster.kubectl(['get', 'secrets', ...inShop, '-o', 'name']);
    expect(left).not.to.contain('passing-by-landbridge');
    await apply(meshService('passing-by', 'passing-by'));
    try {
      const plan = await eventually('the name is free again', 20_000, async () =>
        (await status('passing-by')).conditions?.find(({ type, status }) => type === 'Synced' && status === 'True'),
      );
      expect(plan.reason).to.equal('Synced');
    } finally {
      await remove('meshservice/passing-by');
    }
  });
});
