import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { NAMESPACE } from '../mesh/installation.ts';
import { labels } from './labels.ts';

export const PRIORITY_CLASS = 'landbridge-control-plane';

/** The namespace, and the priority of everything in it. */
export function addNamespace(scope: Construct): void {
  new k8s.KubeNamespace(scope, 'namespace', {
    metadata: {
      name: NAMESPACE,
      labels: {
        ...labels(),
        'pod-security.kubernetes.io/enforce': 'restricted',
        'pod-security.kubernetes.io/warn': 'restricted',
      },
    },
  });
  // Its own, since some providers refuse the system-* classes outside kube-system.
  new k8s.KubePriorityClass(scope, 'priority', {
    metadata: { name: PRIORITY_CLASS, labels: labels() },
    description: 'Landbridge and its Consul server go before the workloads that need them.',
    value: 1_000_000,
  });
}
