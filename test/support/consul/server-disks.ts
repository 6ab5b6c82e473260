import type { RunningLab } from '../../../lab/running.ts';
import { NAMESPACE } from '../../../mesh/installation/installation.ts';
import { consulClaim } from '../../../mesh/installation/reshape.ts';

const STORAGE_CLASS = 'landbridge-lab';
const volumeOf = (ordinal: number): string => `landbridge-consul-${ordinal}`;
const folderOf = (ordinal: number): string => `/var/local/landbridge-consul-${ordinal}`;

/**
 * A class under which the scheduler binds a volume as it chooses the node of the pod. Without one a claim is bound by itself,
 * and a pod that was looked at a moment before may wait for minutes until it is looked at again.
 */
export async function makeServerDiskClass(lab: RunningLab): Promise<void> {
  const storageClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: STORAGE_CLASS },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
  await lab.cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(storageClass) });
}

/**
 * Makes an empty volume for a Consul server, and binds it to the name of its claim. A volume of the same name is deleted with
 * its data first: nothing must use it. The lab has no provisioner.
 */
export async function renewServerDisk(lab: RunningLab, ordinal: number): Promise<void> {
  const node = (await lab.cluster.nodes()).filter(({ role }) => role === 'worker').at(-1)!.name;
  await lab.cluster.kubectl(['delete', 'pv', volumeOf(ordinal), '--ignore-not-found']);
  await lab.engine.docker(['exec', node, 'rm', '-rf', folderOf(ordinal)]);
  const owner = ['-o', '65532', '-g', '65532', '-m', '0700'];
  await lab.engine.docker(['exec', node, 'install', '-d', ...owner, folderOf(ordinal)]);
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeOf(ordinal) },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: STORAGE_CLASS,
      claimRef: { namespace: NAMESPACE, name: consulClaim(ordinal) },
      local: { path: folderOf(ordinal) },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
    },
  };
  await lab.cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(volume) });
}
