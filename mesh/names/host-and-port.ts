export interface HostAndPort {
  /** Without the brackets of an IPv6 address. */
  host: string;
  port: number;
}

/**
 * `host:port`, or `[IPv6 address]:port`; undefined for other texts. An address with a zone (`fe80::1%eth0`) is refused: the zone
 * names an interface of one machine.
 */
export function hostAndPort(text: string): HostAndPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
  const [host, port] = [bracketed ?? plain, Number(digits)];
  if (host === undefined || port < 1 || port > 65535) return undefined;
  return bracketed === undefined || isIPv6(bracketed) ? { host, port } : undefined;
}

/**
 * One spelling of an IP address for each: without brackets, in lower case, and an IPv4 address where IPv6 carries one
 * (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2), since a listener on IPv6 alone is not reached by that. undefined: another
 * text, or an address with a zone.
 */
export function ipAddress(text: string): string | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text))
    return text.split('.').every((part) => Number(part) <= 255) ? text : undefined;
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (!isIPv6(bare)) return undefined;
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(urlHost(bare)) ?? [];
  if (high === undefined || low === undefined) return urlHost(bare).slice(1, -1);
  const [one, two] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [one >> 8, one & 255, two >> 8, two & 255].join('.');
}

const isIPv6 = (text: string): boolean =>
  /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text) && URL.canParse(`http://[${text}]`);

/** The spelling of RFC 5952, in brackets. */
const urlHost = (address: string): string => new URL(`http://[${address}]`).hostname;
