import type { KubeClient } from '../../clients/kube/client.ts';
import { KubeError } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import type { PodSpec } from '../../crds/kubernetes.ts';

/** A pod that the Pod Security Standard `restricted` admits, and that nobody runs: it is only ever created as a dry run. */
export function probePod(labels: Record<string, string> = {}, spec: Partial<PodSpec> = {}) {
  return {
    metadata: { generateName: 'landbridge-check-', labels },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [probeContainer('app')],
      ...spec,
    },
  };
}

export const probeContainer = (name: string) => ({
  name,
  image: 'landbridge.dev/check',
  resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '10m', memory: '16Mi' } },
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
});

/** The object as the API server, with all admission, would store it. Nothing is stored. Throws KubeError. */
export const dryRunCreate = <T = KubeObject>(kube: KubeClient, path: string, object: object): Promise<T> =>
  kube.request<T>('POST', path, { body: object, query: { dryRun: 'All' } });

/** A quota, another webhook, or a missing right says nothing of what was to be found out. */
export function cannotTry(error: unknown): string {
  if (error instanceof KubeError && error.kind === 'fix') return `a dry run of a pod is refused: ${error.message}`;
  throw error;
}
