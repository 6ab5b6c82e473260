import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { pods } from '../../clients/kube/resources.ts';
import { PART_OF } from './installed-objects.ts';

interface ContainerStatus {
  name: string;
  state?: {
    waiting?: { reason?: string; message?: string };
    terminated?: { exitCode: number; message?: string };
  };
  lastState?: { terminated?: { exitCode: number; message?: string } };
}

interface LivePod extends KubeObject {
  status?: { conditions?: { type: string; status: string; message?: string }[]; containerStatuses?: ContainerStatus[] };
}

/** A pod that is merely being made is in no trouble. */
const HARMLESS = new Set(['ContainerCreating', 'PodInitializing']);

/** The problems of our pods, one line each. */
export async function podTrouble(kube: KubeClient, namespace: string): Promise<string[]> {
  const { items } = await kube.list<LivePod>(pods, { namespace, labelSelector: PART_OF });
  return items.flatMap(({ metadata: { name }, status = {} }) => {
    const unscheduled = status.conditions?.find(
      ({ type, status: held }) => type === 'PodScheduled' && held === 'False',
    );
    if (unscheduled !== undefined) return [`pod ${name}: ${unscheduled.message ?? 'no node takes it'}`];
    return (status.containerStatuses ?? []).flatMap(({ state, lastState }) => {
      const ended = state?.terminated ?? lastState?.terminated;
      if (ended !== undefined && ended.exitCode !== 0 && ended.message)
        return [`pod ${name}: ${lastLine(ended.message)}`];
      const { reason = '', message = '' } = state?.waiting ?? {};
      return reason === '' || HARMLESS.has(reason) ? [] : [`pod ${name}: ${reason} ${message}`.trim()];
    });
  });
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
