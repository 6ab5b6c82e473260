import type { Pod } from '../../crds/kubernetes.ts';

interface ContainerStatus {
  name: string;
  image?: string;
  state?: { waiting?: { reason?: string; message?: string } };
  lastState?: { terminated?: { exitCode?: number; reason?: string } };
}

/** While the kubelet tries again it says one of these in turn. */
const IMAGE = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
]);
const CONFIG = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);
const MESSAGE = 200;

/**
 * Why a pod that is not ready will not be by itself: a container of it that cannot start, in words that stay the same from one
 * try of the kubelet to the next, so that no walk follows a try. Undefined: nothing of the kind is known.
 */
export function podTrouble({ spec, status }: Pod): string | undefined {
  if (status === undefined || status.phase === 'Succeeded' || status.phase === 'Failed') return undefined;
  const conditions = status.conditions ?? [];
  if (conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True')) return undefined;
  const statuses = ['initContainerStatuses', 'containerStatuses'].flatMap(
    (field) => (status[field] ?? []) as ContainerStatus[],
  );
  // An app may end because its sidecar cannot start, so the sidecar comes first.
  const found = firstOf(statuses, cannotStart(spec)) ?? firstOf(statuses, hasEnded);
  if (found !== undefined) return found;
  const placed = conditions.find(({ type }) => type === 'PodScheduled');
  return placed?.reason === 'Unschedulable' ? 'no node takes it (kubectl describe pod says why)' : undefined;
}

type Said = (status: ContainerStatus) => string | undefined;

function firstOf(statuses: ContainerStatus[], said: Said): string | undefined {
  for (const status of statuses) {
    const found = said(status);
    if (found !== undefined) return found;
  }
  return undefined;
}

const cannotStart =
  (spec: Pod['spec']): Said =>
  ({ name, image, state }) => {
    const { reason = '', message = '' } = state?.waiting ?? {};
    if (IMAGE.has(reason)) {
      const own = [...(spec.initContainers ?? []), ...spec.containers].find((container) => container.name === name);
      return `the image ${own?.image ?? image ?? ''} of its container ${name} cannot be had`;
    }
    // Of other words that change, such as an address, none is among these: a Secret or a key that is not there.
    return CONFIG.has(reason) ? `its container ${name} cannot be made: ${plain(message) || reason}` : undefined;
  };

const hasEnded: Said = ({ name, lastState }) => {
  const { exitCode, reason } = lastState?.terminated ?? {};
  if (exitCode === undefined) return undefined;
  return `its container ${name} has ended (${reason === 'OOMKilled' ? 'out of memory' : `exit code ${exitCode}`}) and is started again`;
};

const plain = (text: string): string =>
  text
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .slice(0, MESSAGE)
    .trim();
