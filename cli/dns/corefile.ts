import type { KubeClient } from '../../clients/kube/client.ts';
import { KubeError } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { configMaps } from '../../clients/kube/resources.ts';

/** The ConfigMap of the cluster's CoreDNS, as kubeadm, kind, k3s and EKS call it. */
export const COREDNS = { namespace: 'kube-system', name: 'coredns' };
export type ConfigMapName = typeof COREDNS;

const KEY = 'Corefile';
/** Somebody else may write at the same time. */
const TRIES = 5;

interface ConfigMap extends KubeObject {
  metadata: KubeObject['metadata'] & { managedFields?: { time?: string }[] };
  data?: Record<string, string>;
}

/** undefined when there is no such ConfigMap, or it holds no Corefile. */
export const readCorefile = async (kube: KubeClient, at: ConfigMapName): Promise<string | undefined> =>
  (await readCorefileWithTime(kube, at))?.text;

/** With when its ConfigMap was last written, ms since the epoch by the API server's clock. */
export async function readCorefileWithTime(
  kube: KubeClient,
  { name, namespace }: ConfigMapName,
): Promise<{ text: string; writtenAtMs: number } | undefined> {
  const held = await kube.get<ConfigMap>(configMaps, name, namespace);
  const text = held?.data?.[KEY];
  if (text === undefined) return undefined;
  const times = (held?.metadata.managedFields ?? []).map(({ time = '' }) => Date.parse(time) || 0);
  return { text, writtenAtMs: Math.max(0, ...times) };
}

/**
 * Replaces the Corefile by what `edit` makes of it, and nothing else of the ConfigMap, unless somebody changed it
 * meanwhile: then it is read again. Whether anything was written. Throws KubeError, and what `edit` throws.
 */
export async function editCorefile(
  kube: KubeClient,
  at: ConfigMapName,
  edit: (corefile: string) => string,
): Promise<boolean> {
  for (let tried = 1; ; tried += 1) {
    const held = await readCorefile(kube, at);
    if (held === undefined) return false;
    const next = edit(held);
    if (next === held) return false;
    const path = `/data/${KEY}`;
    try {
      await kube.patchJson(configMaps, at.name, at.namespace, [
        { op: 'test', path, value: held },
        { op: 'replace', path, value: next },
      ]);
      return true;
    } catch (error) {
      if (tried === TRIES || !(error instanceof KubeError) || !(await changedSince(kube, at, held))) throw error;
    }
  }
}

const changedSince = async (kube: KubeClient, at: ConfigMapName, held: string): Promise<boolean> =>
  (await readCorefile(kube, at)) !== held;
