export interface HostAndPort {
  /** Without the brackets of an IPv6 address. */
  host: string;
  port: number;
}

/** `host:port`, or `[IPv6 address]:port`; undefined when it is neither. */
export function hostAndPort(text: string): HostAndPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const [host, port] = [bracketed ?? plain, Number(digits)];
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port };
}
