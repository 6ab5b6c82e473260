import type { KubeObject } from '../../clients/kube/object.ts';

interface Condition {
  type: string;
  status: string;
  message?: string;
}

interface Live extends KubeObject {
  spec?: { replicas?: number };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
    conditions?: Condition[];
  };
  webhooks?: { name: string; clientConfig: { caBundle?: string } }[];
}

/** Kinds that take a while; every other can be used as soon as it is applied. */
export const AWAITED = new Set([
  'CustomResourceDefinition',
  'Job',
  'Deployment',
  'StatefulSet',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
]);

/** Why an object that was applied cannot be used yet; undefined when it can. Throws when it never will. */
export function notReadyBecause(object: KubeObject): string | undefined {
  const { kind, metadata, spec = {}, status = {}, webhooks } = object as Live;
  const wanted = spec.replicas ?? 1;
  const holds = (type: string): Condition | undefined =>
    status.conditions?.find((condition) => condition.type === type && condition.status === 'True');
  const behind = (status.observedGeneration ?? 0) < ((metadata as { generation?: number }).generation ?? 0);
  switch (kind) {
    case 'CustomResourceDefinition':
      return holds('Established') ? undefined : 'not established';
    case 'Job': {
      const failed = holds('Failed');
      if (failed !== undefined)
        throw new Error(`Job ${metadata.name} failed: ${failed.message ?? 'it says no reason'}`);
      return holds('Complete') ? undefined : 'not complete';
    }
    case 'Deployment': {
      if (behind) return 'not looked at yet';
      const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
      if (updatedReplicas < wanted) return `${updatedReplicas} of ${wanted} pods are new`;
      if (replicas > updatedReplicas) return `${replicas - updatedReplicas} old pods are still there`;
      return availableReplicas < wanted ? `${availableReplicas} of ${wanted} pods are ready` : undefined;
    }
    case 'StatefulSet': {
      if (behind) return 'not looked at yet';
      // One that was made again around its pods has a single revision, and may still have to replace them.
      const { availableReplicas = 0, updatedReplicas = 0 } = status;
      if (updatedReplicas < wanted) return `${updatedReplicas} of ${wanted} pods are new`;
      return availableReplicas < wanted ? `${availableReplicas} of ${wanted} pods are ready` : undefined;
    }
    case 'MutatingWebhookConfiguration':
    case 'ValidatingWebhookConfiguration':
      return webhooks?.every(({ clientConfig }) => clientConfig.caBundle) ? undefined : 'no certificate yet';
    default:
      return undefined;
  }
}
