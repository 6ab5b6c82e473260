import { writeFileSync } from 'node:fs';
import { dump } from 'js-yaml';
import { synthesize } from '../../charts/synthesize.ts';
import { parseValues } from '../../charts/values.ts';
import type { ValuesInput } from '../../charts/values/schema.ts';
import { firstServerOf, kubeOf } from '../../cli/cluster.ts';
import { install as installObjects } from '../../cli/install/install.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import type { Cluster, ClusterNode } from '../cluster/cluster.ts';
import type { Engine } from '../engine/engine.ts';
import { imageTags } from '../images/build-images.ts';
import { valuesFile } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';

const VOLUME = 'landbridge-consul-0';
const STORAGE_CLASS = 'landbridge-lab';
const CONSUL_DISK = '/var/local/landbridge-consul';
const TIMEOUT_MS = 180_000;

/** The values that the lab gives the chart. Everything else is the chart's default. */
function labValues(nodes: ClusterNode[]): ValuesInput {
  const at = (port: number): string[] => nodes.map((node) => `${node.address}:${port}`);
  const workers = nodes.filter((node) => node.role === 'worker').map((node) => node.address);
  return {
    cluster: 'lab',
    images: imageTags,
    operator: { replicas: Math.min(2, workers.length) },
    edge: { enabled: true, replicas: 1 },
    gateway: { enabled: true, replicas: 1 },
    bridge: { enabled: true, advertise: at(30443) },
    consul: { advertise: at(30503), storageClass: STORAGE_CLASS },
  };
}

/**
 * Installs Landbridge and its Consul server as `landbridge install -f .lab/values.yaml` does, and waits until both can
 * be used.
 */
export async function install(engine: Engine, cluster: Cluster, progress: Progress): Promise<void> {
  const task = progress.begin('install Landbridge');
  try {
    const nodes = await cluster.nodes();
    await makeDisk(engine, cluster, diskNode(nodes));
    const values = labValues(nodes);
    writeFileSync(valuesFile, dump(values));
    await installObjects({
      kube: kubeOf({ kubeconfig: cluster.kubeconfig }),
      objects: synthesize(parseValues(values)) as Parameters<typeof installObjects>[0]['objects'],
      planOnly: false,
      timeoutMs: TIMEOUT_MS,
      openServers: () => firstServerOf({ kubeconfig: cluster.kubeconfig }),
      say: (line) => task.at(line.trim()),
    });
    task.done();
  } catch (error) {
    task.failed(`kubectl --kubeconfig .lab/kubeconfig -n ${NAMESPACE} get pods,events`);
    throw error;
  }
}

const diskNode = (nodes: ClusterNode[]): string => nodes.find((node) => node.role === 'worker')!.name;

/** After an installation was taken away: its volume is kept, with what is in it, and nobody else gets it. */
export async function renewDisk(engine: Engine, cluster: Cluster, storageClass = STORAGE_CLASS): Promise<void> {
  const node = diskNode(await cluster.nodes());
  await cluster.kubectl(['delete', 'pv', VOLUME, '--ignore-not-found']);
  await engine.docker(['exec', node, 'rm', '-rf', CONSUL_DISK]);
  await makeDisk(engine, cluster, node, storageClass);
}

/** A volume for Consul's data on one worker: the cluster has no provisioner where its node image was assembled here. */
async function makeDisk(engine: Engine, cluster: Cluster, node: string, storageClass = STORAGE_CLASS): Promise<void> {
  // As the image runs it: uid 65532 has no other way into a folder that the kubelet would make as root.
  await engine.docker(['exec', node, 'install', '-d', '-o', '65532', '-g', '65532', '-m', '0700', CONSUL_DISK]);
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: VOLUME },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: storageClass,
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
