import { NAMESPACE } from '../mesh/installation/installation.ts';
import { labels } from './labels.ts';
import { merged } from './template/expression.ts';
import type { Target } from './template/target.ts';
import { values } from './values/tree.ts';

/** For the Prometheus Operator: the pods that serve /metrics. That port needs no Service. */
export function addPodMonitor(target: Target): void {
  const { interval, labels: more } = values.metrics.podMonitor;
  target.addObject('pod-monitor', {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: { name: 'landbridge', namespace: NAMESPACE, labels: merged(labels(), more) },
    spec: {
      selector: {
        matchLabels: { 'app.kubernetes.io/name': 'landbridge' },
        matchExpressions: [{ key: 'app.kubernetes.io/component', operator: 'In', values: ['operator', 'bridge'] }],
      },
      podMetricsEndpoints: [{ port: 'observe', path: '/metrics', interval }],
    },
  });
}
