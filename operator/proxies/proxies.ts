import { watchKv } from '../../clients/consul/reading/watch.ts';
import type { Transport } from '../../clients/consul/transport.ts';
import { readEnvoyCounters } from '../../clients/envoy/read-counters.ts';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { podLog } from '../../clients/kube/pod-log.ts';
import { pods } from '../../clients/kube/resources.ts';
import type { Pod } from '../../crds/kubernetes.ts';
import { SIDECAR_READY_PORT } from '../../crds/mesh-service.ts';
import { GATEWAYS_SELECTOR, NAMESPACE } from '../../mesh/installation/installation.ts';
import { podFacts } from '../../mesh/service/pod.ts';
import { heardIn } from '../../mesh/proxies/heard.ts';
import { REFUSAL_KEYS, readMachineReport } from '../../mesh/outside/machine-report.ts';
import type { EntryWatch } from '../foreign/entry-watch.ts';
import { type ProxyWatch, watchProxies } from './proxy-watch.ts';
import type { World } from '../world/world.ts';

export interface ProxiesOptions {
  kube: Pick<KubeClient, 'list' | 'stream'>;
  /** To Consul, for questions that it answers when something has changed; see WATCH_TIMEOUT_MS. Default: none is asked. */
  patient: Transport | undefined;
  /** Default: looks are made in the slow round alone. */
  entries: EntryWatch | undefined;
  world: Pick<World, 'meshServices' | 'pods'>;
  /** The chart deploys a gateway. */
  anyGateway: boolean;
  onChange: (key: string) => void;
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
  log: Log;
}

/** Entries of all names by which proxies are given their configuration. */
export const MESH_WIDE = ['proxy-defaults', 'mesh'];
export const OF_GATEWAYS = ['api-gateway', 'http-route', 'tcp-route', 'terminating-gateway'];

const LOOK_MS = 2000;
const LOG_MS = 3000;
/** An access log at a few hundred requests a second goes on for some ten seconds in these. */
const LOG_LINES = 5000;

/** Watches whether the proxies take their updates from Consul, by their counters and logs. */
export function keepProxies(options: ProxiesOptions): ProxyWatch {
  const { kube, patient, entries, world, anyGateway, onChange, clock, random, signal, log } = options;
  let silentLog = false;
  const watch = watchProxies({
    world,
    async gatewayPods() {
      if (!anyGateway) return [];
      const { items } = await kube.list<Pod>(pods, { namespace: NAMESPACE, labelSelector: GATEWAYS_SELECTOR });
      return items.map(podFacts);
    },
    readCounters: ({ ip = '' }) => readEnvoyCounters({ address: ip, port: SIDECAR_READY_PORT }, LOOK_MS),
    async readWords({ namespace, name }, container) {
      const keep = (line: string): boolean => heardIn(line) !== undefined;
      const asked = { namespace, name, container, lines: LOG_LINES, timeoutMs: LOG_MS, keep };
      try {
        return (await podLog(kube, asked)).flatMap((line) => heardIn(line) ?? []);
      } catch (error) {
        if (!silentLog) log.warn({ err: error, pod: `${namespace}/${name}` }, 'cannot read what a sidecar logs');
        silentLog = true;
        return [];
      }
    },
    onChange,
    clock,
    signal,
  });
  entries?.follow(({ kind, changed }) => {
    if (changed.length === 0) return;
    watch.changed(MESH_WIDE.includes(kind) ? undefined : OF_GATEWAYS.includes(kind) ? [] : changed);
  });
  if (patient !== undefined) {
    const asking = { transport: patient, clock, random, signal, log };
    const read = (values: string[]) => values.flatMap((value) => readMachineReport(value, clock.now()) ?? []);
    watchKv(REFUSAL_KEYS, (values) => watch.machines(read(values)), asking);
  }
  return watch;
}
