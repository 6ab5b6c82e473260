import { synthesize, toYaml } from '../../charts/synthesize.ts';
import { parseValues } from '../../charts/values.ts';
import type { Values } from '../../charts/values/schema.ts';
import { BRIDGE_SERVICE, CONSUL_SERVER_SERVICE, NAMESPACE, WEBHOOK_CONFIGURATION } from '../../mesh/installation.ts';
import type { Cluster, ClusterNode } from '../cluster.ts';
import type { Engine } from '../engine.ts';
import { imageTags } from '../images/build-images.ts';
import type { Progress } from '../progress.ts';

const STORAGE_CLASS = 'landbridge-lab';
const CONSUL_DISK = '/var/local/landbridge-consul';
const READY = '--timeout=120s';

/** What the lab gives the chart: everything else is the chart's default. */
export function labValues(nodes: ClusterNode[]): Values {
  const at = (port: number): string[] => nodes.map((node) => `${node.address}:${port}`);
  const workers = nodes.filter((node) => node.role === 'worker').map((node) => node.address);
  return parseValues({
    cluster: 'lab',
    images: imageTags,
    operator: { replicas: Math.min(2, workers.length) },
    bridge: { enabled: true, advertise: at(30443) },
    consul: { advertise: at(30503), storageClass: STORAGE_CLASS },
  });
}

/** Installs Landbridge and its Consul server through our own chart, and waits until both can be used. */
export async function install(engine: Engine, cluster: Cluster, progress: Progress): Promise<void> {
  const task = progress.begin('install Landbridge');
  try {
    const nodes = await cluster.nodes();
    await makeDisk(engine, cluster, nodes.find((node) => node.role === 'worker')!.name);
    const manifests = toYaml(synthesize(labValues(nodes)));
    await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: manifests });
    const inNamespace = ['--namespace', NAMESPACE];
    for (const [what, args] of [
      ['Consul', ['rollout', 'status', `statefulset/${CONSUL_SERVER_SERVICE}`, ...inNamespace, READY]],
      ['the operator', ['rollout', 'status', 'deployment/landbridge-operator', ...inNamespace, READY]],
      ['the bridge', ['rollout', 'status', `deployment/${BRIDGE_SERVICE}`, ...inNamespace, READY]],
      [
        'the webhook',
        [
          'wait',
          `mutatingwebhookconfiguration/${WEBHOOK_CONFIGURATION}`,
          '--for=jsonpath={.webhooks[0].clientConfig.caBundle}',
          READY,
        ],
      ],
      ['the CRD', ['wait', 'crd/meshservices.landbridge.dev', '--for=condition=Established', READY]],
    ] as const) {
      task.at(`waiting for ${what}`);
      await cluster.kubectl(args);
    }
    task.done();
  } catch (error) {
    task.failed(`kubectl --kubeconfig .lab/kubeconfig -n ${NAMESPACE} get pods,events`);
    throw error;
  }
}

/** A volume for Consul's data on one worker: the cluster has no provisioner where its node image was assembled here. */
async function makeDisk(engine: Engine, cluster: Cluster, node: string): Promise<void> {
  // As the image runs it: uid 65532 has no other way into a folder that the kubelet would make as root.
  await engine.docker(['exec', node, 'install', '-d', '-o', '65532', '-g', '65532', '-m', '0700', CONSUL_DISK]);
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'landbridge-consul-0' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: STORAGE_CLASS,
      local: { path: CONSUL_DISK },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
    },
  };
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(volume) });
}
