/**
 * `*.consul` in the Corefile of the cluster's CoreDNS. The file is somebody else's: one block between two marks is ours,
 * and nothing outside of it is ever changed.
 */

const BEGIN = '# landbridge: *.consul begins here; landbridge dns disable takes it out';
const END = '# landbridge: *.consul ends here';
const OURS = new RegExp(`\\n?^# landbridge: \\*\\.consul begins.*?^${END.replaceAll('*', '\\*')}\\n?`, 'ms');

/** An earlier answer stands this long while no Consul server answers. */
const STALE_HOURS = 24;

/**
 * The server block. Only plugins and options that `kubeadm upgrade` knows: it refuses a Corefile with others
 * (https://github.com/coredns/corefile-migration).
 *
 * - `.virtual.consul` is the caller's own loopback, where its sidecar listens: see docs/names.md.
 * - Over TCP a server that is gone hangs up. Over UDP the Service's translation goes on to send to its address, and each
 *   look-up waits for 2 s and more.
 * - An answer past its time is given only after Consul was asked and did not answer (`verify`): never one that is merely old.
 */
export const stubDomain = (servers: readonly string[], port: number): string =>
  `${BEGIN}
consul:${port} {
    errors
    rewrite stop name regex ^[^.]+\\.virtual\\.consul\\.?$ virtual.consul answer auto
    hosts {
        127.0.0.1 virtual.consul
        ttl 5
        fallthrough
    }
    cache 5 {
        serve_stale ${STALE_HOURS}h verify
    }
    loadbalance
    forward . ${servers.join(' ')} {
        force_tcp
        max_concurrent 1000
    }
}
${END}
`;

/** Puts the block at the end, or in place of the one that is there. Another's block for `consul` is never touched: then a problem. */
export function withStubDomain(
  corefile: string,
  servers: readonly string[],
): { corefile: string; problem?: undefined } | { problem: string } {
  const others = withoutStubDomain(corefile);
  if (zones(others).some(({ zone }) => zone === 'consul'))
    return {
      problem: 'the Corefile has a block for consul that is not ours: take it out first, or leave it as it is',
    };
  return { corefile: `${others.replace(/\n*$/, '\n')}${stubDomain(servers, dnsPort(others))}` };
}

/** Where CoreDNS listens for everything. Default: 53. */
export const dnsPort = (corefile: string): number => zones(corefile).find(({ zone }) => zone === '')?.port ?? 53;

export const withoutStubDomain = (corefile: string): string => corefile.replace(OURS, '\n').replace(/\n+$/, '\n');

export const hasStubDomain = (corefile: string): boolean => OURS.test(corefile);

/** The zones that a Corefile's server blocks begin with, such as `.:53` or `dns://consul.:53`; the root is ''. */
function zones(corefile: string): { zone: string; port: number | undefined }[] {
  const found: { zone: string; port: number | undefined }[] = [];
  let depth = 0;
  for (const line of corefile.split('\n').map((text) => text.replace(/#.*/, '').trim())) {
    if (depth === 0) for (const word of line.split(/[\s,{]+/).filter((text) => text !== '')) found.push(zoneOf(word));
    depth += line.split('{').length - line.split('}').length;
  }
  return found.filter(({ zone }) => zone !== '}');
}

function zoneOf(word: string): { zone: string; port: number | undefined } {
  const [, zone = '', port] = /^(?:\w+:\/\/)?(.*?)(?::(\d+))?$/.exec(word)!;
  return { zone: zone.toLowerCase().replace(/\.$/, ''), port: port === undefined ? undefined : Number(port) };
}
