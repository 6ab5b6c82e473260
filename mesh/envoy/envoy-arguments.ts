import { type ProxySettings, drainSeconds } from '../../crds/proxy.ts';

export interface EnvoyArguments {
  /** Path of the bootstrap. */
  bootstrap: string;
  /** The Consul service ID of the proxy. */
  node: string;
  service: string;
  proxy: Pick<ProxySettings, 'concurrency' | 'logLevel' | 'drainTime'>;
  /** How a later process takes over from this one, see `hotRestartArguments`. Default: none can. */
  hotRestart?: HotRestart;
}

interface HotRestart {
  /** The same for a process and its successors, and for no other process on the machine. */
  baseId: number;
  /** 0, and one more for each process that takes over. */
  epoch: number;
  /** The beginning of the paths of their sockets. */
  socket: string;
}

/** How every Envoy is started. Options: https://www.envoyproxy.io/docs/envoy/latest/operations/cli */
export const envoyArguments = ({ bootstrap, node, service, proxy, hotRestart }: EnvoyArguments): string[] => [
  '-c',
  bootstrap,
  '--service-node',
  node,
  '--service-cluster',
  service,
  '--concurrency',
  String(proxy.concurrency),
  ...(hotRestart === undefined ? ['--disable-hot-restart'] : hotRestartArguments(hotRestart, proxy)),
  '--log-level',
  proxy.logLevel,
  '--drain-time-s',
  String(drainSeconds(proxy)),
  // A connection that is open when rules change ends with its next answer. Gradually, as is the default, one that is
  // kept alive would go by the old rules, and so by access that was taken back, for most of the drain time.
  '--drain-strategy',
  'immediate',
  // Access logs are written once they fill 64 KiB or this long after; by default 10 s.
  '--file-flush-interval-msec',
  '1000',
];

/** How long the process before may go on after one has taken over, seconds: its connections get their drain time. */
export const leaveSeconds = (proxy: Pick<ProxySettings, 'drainTime'>): number => drainSeconds(proxy) + 2;

const hotRestartArguments = (
  { baseId, epoch, socket }: HotRestart,
  proxy: Pick<ProxySettings, 'drainTime'>,
): string[] => [
  '--base-id',
  String(baseId),
  '--restart-epoch',
  String(epoch),
  '--socket-path',
  socket,
  '--parent-shutdown-time-s',
  String(leaveSeconds(proxy)),
];
