import type { RunningLab } from '../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { vmExec } from '../../lab/vm/exec.ts';

export interface MemberPod {
  name: string;
  ip: string;
  node: string;
}

interface PodList {
  items: {
    metadata: { name: string; deletionTimestamp?: string };
    spec: { nodeName: string };
    status: { podIP?: string; conditions?: { type: string; status: string }[] };
  }[];
}

/** Ready pods of one MeshService of the sample, or of all. */
export async function memberPods({ cluster }: RunningLab, service?: string): Promise<MemberPod[]> {
  const label = `landbridge.dev/mesh-service${service === undefined ? '' : `=${service}`}`;
  const args = ['get', 'pods', '--namespace', SAMPLE_NAMESPACE, '-l', label, '-o', 'json'];
  const { items } = JSON.parse(await cluster.kubectl(args)) as PodList;
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ status }) => status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'))
    .map(({ metadata, spec, status }) => ({ name: metadata.name, ip: status.podIP ?? '', node: spec.nodeName }));
}

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

export async function conditionOf({ cluster }: RunningLab, name: string, type: string): Promise<Condition | undefined> {
  const path = 'jsonpath={.status.conditions}';
  const said = await cluster.kubectl(['get', 'meshservice', name, '--namespace', SAMPLE_NAMESPACE, '-o', path]);
  return (JSON.parse(said || '[]') as Condition[]).find((condition) => condition.type === type);
}

interface AgentSaid {
  address: string;
  instances: { service: string; appPort: number; sidecarPort: number }[];
}

export interface MachineInstance {
  service: string;
  /** The machine's address. */
  ip: string;
  appPort: number;
  sidecarPort: number;
}

/** Instances on machines that serve callers, as their agents say. */
export async function onMachines({ vms }: RunningLab): Promise<MachineInstance[]> {
  const said = vms.map(async (vm) => {
    const { stdout } = await vmExec(vm, ['landbridge', 'vm', 'status', '-o', 'json'], { timeoutMs: 20_000 });
    const { address, instances } = JSON.parse(stdout) as AgentSaid;
    return instances.filter(({ appPort }) => appPort !== 0).map((instance) => ({ ...instance, ip: address }));
  });
  return (await Promise.all(said)).flat();
}
