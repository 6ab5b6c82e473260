import { k8s } from 'cdk8s-plus-27';
import { NAMESPACE } from '../mesh/installation/installation.ts';
import { labels } from './labels.ts';
import { equal, every, not } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { releaseNamespace, values } from './values/tree.ts';

/** The namespace, and the priority of everything in it. */
export function addNamespace(target: Target): void {
  const { createNamespace, priorityClass } = values;
  // Helm makes the namespace of its release itself, and then refuses a chart that has it too.
  target.when(every(createNamespace, not(equal(releaseNamespace, NAMESPACE)))).add(k8s.KubeNamespace, 'namespace', {
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
  target.when(priorityClass.create).add(k8s.KubePriorityClass, 'priority', {
    metadata: { name: priorityClass.name, labels: labels() },
    description: 'Landbridge and its Consul server go before the workloads that need them.',
    value: priorityClass.value,
  });
}
