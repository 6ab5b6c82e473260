import { Command, Option } from 'commander';
import type { KubeClient } from '../../clients/kube/client.ts';
import { systemClock } from '../../base/clock.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { services } from '../../clients/kube/resources.ts';
import { CONSUL_DNS_SERVICE, NAMESPACE } from '../../mesh/installation/installation.ts';
import { hostAndPort, ipAddress } from '../../mesh/names/host-and-port.ts';
import { dnsPort, stubDomain, withStubDomain } from '../../mesh/names/stub-domain.ts';
import { type ClusterFlags, kubeOf, withClusterFlags } from '../cluster.ts';
import { COREDNS, type ConfigMapName, editCorefile, readCorefile } from '../dns/corefile.ts';
import { disableDns } from '../dns/disable-dns.ts';
import { askResolvers } from '../dns/resolvers.ts';
import { parseDuration } from '../vm/duration.ts';

interface DnsFlags extends ClusterFlags {
  configmap: ConfigMapName;
}

interface EnableFlags extends DnsFlags {
  to?: string[];
  plan?: boolean;
  /** Milliseconds. */
  timeout: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** `landbridge dns`: whether pods resolve *.consul. */
export function dnsCommand(): Command {
  return new Command('dns')
    .description("make the cluster's DNS resolve *.consul, or stop it")
    .addCommand(
      withDnsFlags('enable')
        .description("add a block for *.consul to the Corefile of the cluster's CoreDNS, and wait until it resolves")
        .option('--to <address...>', "IP address, or IP:port, of Consul's DNS (default: the installation's own)")
        .option('--plan', 'print the block, and change nothing')
        .addOption(
          new Option('--timeout <duration>', 'how long to wait until all of CoreDNS resolves; 0s: not at all')
            .argParser(parseDuration)
            .default(180_000, '3m'),
        )
        .action(enable),
    )
    .addCommand(
      withDnsFlags('disable')
        .description('take the block out again; landbridge uninstall does so too')
        .action(async (flags: DnsFlags) => say(await disableDns(kubeOf(flags), flags.configmap))),
    );
}

const withDnsFlags = (name: string): Command =>
  withClusterFlags(new Command(name)).addOption(
    new Option('--configmap <namespace/name>', 'where the Corefile is')
      .argParser(parseConfigMap)
      .default(COREDNS, `${COREDNS.namespace}/${COREDNS.name}`),
  );

async function enable(flags: EnableFlags): Promise<void> {
  const kube = kubeOf(flags);
  const servers = flags.to === undefined ? await ownServers(kube) : flags.to.map(parseServer);
  const corefile = await readCorefile(kube, flags.configmap);
  const { namespace, name } = flags.configmap;
  if (corefile === undefined)
    throw new Error(
      `there is no Corefile in ConfigMap ${namespace}/${name}: say where it is with --configmap, or make the cluster's DNS forward consul to ${servers.join(' and ')} by its own means (docs/names.md)`,
    );
  const port = dnsPort(corefile);
  if (flags.plan) return say(stubDomain(servers, port).trimEnd());
  const changed = await editCorefile(kube, flags.configmap, (held) => {
    const edited = withStubDomain(held, servers);
    if (edited.problem !== undefined) throw new Error(`ConfigMap ${namespace}/${name}: ${edited.problem}`);
    return edited.corefile;
  });
  say(
    `ConfigMap ${namespace}/${name} ${changed ? 'now forwards' : 'already forwards'} *.consul to ${servers.join(', ')}`,
  );
  if (!/^\s*reload\b/m.test(corefile))
    say(`its Corefile does not name the plugin reload: kubectl -n ${namespace} rollout restart deployment ${name}`);
  if (flags.timeout > 0) await untilResolved(kube, flags, port);
}

/** The kubelet brings a changed ConfigMap into a pod within a minute or so, and CoreDNS looks every 30 s. */
async function untilResolved(kube: KubeClient, flags: EnableFlags, port: number): Promise<void> {
  const { namespace } = flags.configmap;
  const start = systemClock.steady();
  for (;;) {
    const answers = await askResolvers(kube, flags, { namespace, port });
    const others = answers.filter(({ problem }) => problem !== undefined);
    if (answers.length > 0 && others.length === 0) return say(`*.consul resolves at ${answers.length} of CoreDNS`);
    if (systemClock.steady() - start >= flags.timeout) {
      const why = others.map(({ pod, problem }) => `${pod}: ${problem}`).join('; ');
      throw new Error(
        `the block is in place, but *.consul does not resolve within ${flags.timeout / 1000} s (${why || `no pod of CoreDNS runs in ${namespace}`}): landbridge check looks again`,
      );
    }
    await systemClock.wait(2000, new AbortController().signal);
  }
}

/** A Corefile names servers by address only. */
async function ownServers(kube: KubeClient): Promise<string[]> {
  const found = await kube.get<KubeObject & { spec: { clusterIPs?: string[] } }>(
    services,
    CONSUL_DNS_SERVICE,
    NAMESPACE,
  );
  if (found === undefined)
    throw new Error(
      `there is no Service ${NAMESPACE}/${CONSUL_DNS_SERVICE}: install Landbridge first, or, with Consul servers that were there before, say where their DNS is with --to`,
    );
  return found.spec.clusterIPs?.slice(0, 1) ?? [];
}

/** As a Corefile takes it: an address alone has no brackets. Throws an Error. */
export function parseServer(text: string): string {
  const alone = ipAddress(text);
  if (alone !== undefined) return alone;
  if (ipAddress(hostAndPort(text)?.host ?? '') !== undefined) return text;
  throw new Error(`--to ${text}: give an IP address, or IP:port; a Corefile takes no names`);
}

function parseConfigMap(text: string): ConfigMapName {
  const [namespace, name, ...more] = text.split('/');
  if (!namespace || !name || more.length > 0) throw new Error(`--configmap ${text}: give NAMESPACE/NAME`);
  return { namespace, name };
}
