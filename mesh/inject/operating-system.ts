import type { PodSpec } from '../../crds/kubernetes.ts';

/** Labels of nodes that name their operating system; the second is of Kubernetes before 1.14 and still in charts. */
const LABELS = ['kubernetes.io/os', 'beta.kubernetes.io/os'];

interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}

interface Affinity {
  nodeAffinity?: {
    requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms?: { matchExpressions?: Requirement[] }[] };
  };
}

/** The pod says so itself, or asks for nodes of Windows and no others. */
export function runsOnWindows({ os, nodeSelector = {}, affinity }: PodSpec): boolean {
  if (os !== undefined && os !== null) return os.name === 'windows';
  if (LABELS.some((label) => nodeSelector?.[label] === 'windows')) return true;
  const required = (affinity as Affinity | null | undefined)?.nodeAffinity
    ?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = required?.nodeSelectorTerms ?? [];
  return terms.length > 0 && terms.every((term) => (term?.matchExpressions ?? []).some(wantsWindows));
}

function wantsWindows({ key, operator, values }: Requirement): boolean {
  const systems = values ?? [];
  if (!LABELS.includes(key)) return false;
  return operator === 'In'
    ? systems.length > 0 && systems.every((system) => system === 'windows')
    : operator === 'NotIn' && systems.includes('linux');
}
