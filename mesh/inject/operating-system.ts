import type { PodSpec } from '../../crds/kubernetes.ts';

/** Labels of nodes that name their operating system; the second is of Kubernetes before 1.14 and still in charts. */
const LABELS = ['kubernetes.io/os', 'beta.kubernetes.io/os'];
/** The kubelet gives it to nodes of Windows alone, https://kubernetes.io/docs/reference/labels-annotations-taints/ */
const BUILD = 'node.kubernetes.io/windows-build';

interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}

interface Term {
  matchExpressions?: Requirement[] | null;
  matchFields?: unknown[] | null;
}

interface Affinity {
  nodeAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms?: Term[] } };
}

/** The pod says so itself, or asks for nodes of Windows and no others. */
export function runsOnWindows({ os, nodeSelector = {}, affinity }: PodSpec): boolean {
  if (os !== undefined && os !== null) return os.name === 'windows';
  if (nodeSelector?.[BUILD] !== undefined || LABELS.some((label) => nodeSelector?.[label] === 'windows')) return true;
  const required = (affinity as Affinity | null | undefined)?.nodeAffinity
    ?.requiredDuringSchedulingIgnoredDuringExecution;
  // An empty term matches no node.
  const terms = (required?.nodeSelectorTerms ?? []).filter((term) => sizeOf(term) > 0);
  return terms.length > 0 && terms.every((term) => (term.matchExpressions ?? []).some(wantsWindows));
}

const sizeOf = (term: Term | null): number => (term?.matchExpressions ?? []).length + (term?.matchFields ?? []).length;

function wantsWindows({ key, operator, values }: Requirement): boolean {
  const systems = values ?? [];
  if (key === BUILD) return operator !== 'DoesNotExist' && operator !== 'NotIn';
  if (!LABELS.includes(key)) return false;
  return operator === 'In'
    ? systems.length > 0 && systems.every((system) => system === 'windows')
    : operator === 'NotIn' && systems.includes('linux');
}
