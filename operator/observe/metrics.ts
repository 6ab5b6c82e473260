import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { processMetrics } from '../../clients/metrics/process-metrics.ts';

/** Names follow controller-runtime's where the meaning is the same. */
export function operatorMetrics() {
  const registry = new Registry();
  processMetrics(registry);
  const registers = [registry];
  return {
    registry,
    reconciles: new Counter({
      name: 'controller_runtime_reconcile_total',
      help: 'Walks made, by how they ended',
      labelNames: ['result'] as const,
      registers,
    }),
    reconcileSeconds: new Histogram({
      name: 'controller_runtime_reconcile_time_seconds',
      help: 'Time of one walk',
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    changes: new Counter({
      name: 'landbridge_consul_changes_total',
      help: 'Changes written to Consul, by operation and outcome',
      labelNames: ['op', 'result'] as const,
      registers,
    }),
    foreignWrites: new Counter({
      name: 'landbridge_foreign_writes_total',
      help: 'Config entries of another hand that were put right under names that MeshServices hold, and of proxy-defaults, by kind',
      labelNames: ['kind'] as const,
      registers,
    }),
    admissions: new Counter({
      name: 'landbridge_admissions_total',
      help: 'Pods reviewed, by decision',
      labelNames: ['decision'] as const,
      registers,
    }),
    admissionSeconds: new Histogram({
      name: 'landbridge_admission_seconds',
      help: 'Time of one review inside the operator',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1],
      registers,
    }),
    queue: new Gauge({ name: 'workqueue_depth', help: 'Keys waiting and running', registers }),
    leading: new Gauge({ name: 'leader_election_master_status', help: '1 while this replica leads', registers }),
    certificateExpiry: new Gauge({
      name: 'landbridge_webhook_certificate_expiry_seconds',
      help: 'When the serving certificate ends, seconds since the epoch',
      registers,
    }),
  };
}

export type OperatorMetrics = ReturnType<typeof operatorMetrics>;
