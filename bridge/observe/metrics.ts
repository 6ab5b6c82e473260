import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { processMetrics } from '../../clients/metrics/process-metrics.ts';

/** Metrics of one bridge, in a registry of its own. */
export interface Metrics {
  registry: Registry;
  beats: Counter;
  /** Changes written to Consul; label `result` is ok or failed. */
  consulWrites: Counter<'result'>;
  requestSeconds: Histogram<'route' | 'status'>;
  /** Hosts by site; label `state` is held or lapsed. */
  leases: Gauge<'site' | 'state'>;
  /** 1 while the mass-loss brake of a site is on. */
  brake: Gauge<'site'>;
  /** Silent hosts that only the brake keeps up. */
  brakeHeld: Gauge<'site'>;
  externals: Gauge<'health'>;
}

/** The sources of the gauges, read at each scrape. */
export interface Observed {
  leases: () => { site: string; down: boolean }[];
  brakes: () => { site: string; held: string[] }[];
  externals: () => { latest: { health: string } }[];
}

export function createMetrics(observed: Observed): Metrics {
  const registry = new Registry();
  const registers = [registry];
  processMetrics(registry);
  return {
    registry,
    beats: new Counter({ name: 'landbridge_bridge_beats_total', help: 'Beats of hosts.', registers }),
    consulWrites: new Counter({
      name: 'landbridge_bridge_consul_changes_total',
      help: 'Changes written to Consul.',
      labelNames: ['result'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'landbridge_bridge_request_duration_seconds',
      help: 'Time to answer a request of the API.',
      labelNames: ['route', 'status'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    leases: new Gauge({
      name: 'landbridge_bridge_leases',
      help: 'Hosts by site and state of their lease.',
      labelNames: ['site', 'state'],
      registers,
      collect() {
        this.reset();
        for (const { site, down } of observed.leases()) this.inc({ site, state: down ? 'lapsed' : 'held' });
      },
    }),
    brake: new Gauge({
      name: 'landbridge_bridge_brake',
      help: '1 while the mass-loss brake of a site keeps silent hosts up.',
      labelNames: ['site'],
      registers,
      collect() {
        this.reset();
        for (const { site } of observed.leases()) this.set({ site }, 0);
        for (const { site } of observed.brakes()) this.set({ site }, 1);
      },
    }),
    brakeHeld: new Gauge({
      name: 'landbridge_bridge_brake_held_hosts',
      help: 'Silent hosts that only the mass-loss brake keeps up.',
      labelNames: ['site'],
      registers,
      collect() {
        this.reset();
        for (const { site, held } of observed.brakes()) this.set({ site }, held.length);
      },
    }),
    externals: new Gauge({
      name: 'landbridge_bridge_external_instances',
      help: 'Sidecar-less instances by health.',
      labelNames: ['health'],
      registers,
      collect() {
        this.reset();
        for (const { latest } of observed.externals()) this.inc({ health: latest.health });
      },
    }),
  };
}
