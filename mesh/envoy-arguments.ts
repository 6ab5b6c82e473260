import { type ProxySettings, drainSeconds } from '../crds/proxy.ts';

export interface EnvoyArguments {
  /** Path of the bootstrap. */
  bootstrap: string;
  /** The Consul service ID of the proxy. */
  node: string;
  service: string;
  proxy: Pick<ProxySettings, 'concurrency' | 'logLevel' | 'drainTime'>;
}

/** How every Envoy is started. Options: https://www.envoyproxy.io/docs/envoy/latest/operations/cli */
export const envoyArguments = ({ bootstrap, node, service, proxy }: EnvoyArguments): string[] => [
  '-c',
  bootstrap,
  '--service-node',
  node,
  '--service-cluster',
  service,
  '--concurrency',
  String(proxy.concurrency),
  '--disable-hot-restart',
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
