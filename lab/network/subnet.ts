/** The lab's network: a /24, of which .1 is the bridge, .2-.63 the nodes, .101-.103 the VMs and .254 the host. */
export interface Subnet {
  /** The first three numbers, as `10.89.0`. */
  prefix: string;
}

export const defaultSubnet = '10.89.0.0/24';
export const subnetVariable = 'LANDBRIDGE_LAB_SUBNET';

/** A route of the host, as `ip -j route` gives it; only what is looked at. */
export interface HostRoute {
  /** `default`, an address, or a range. */
  dst: string;
  dev?: string;
}

/** Throws for anything but the /24 of a private IPv4 range. */
export function parseSubnet(text: string): Subnet {
  const match = /^(\d+)\.(\d+)\.(\d+)\.0\/24$/.exec(text);
  const numbers = match?.slice(1).map(Number) ?? [];
  if (match === null || numbers.some((number) => number > 255))
    throw new Error(`${subnetVariable}=${text}: give a /24 as ${defaultSubnet}`);
  return { prefix: numbers.join('.') };
}

/** The routes of the host that share addresses with a range, other than those of the lab itself. */
export function collisions(range: string, routes: readonly HostRoute[]): HostRoute[] {
  const wanted = addresses(range);
  return routes.filter((route) => {
    if (route.dst === 'default' || route.dev?.startsWith('lb-')) return false;
    const taken = addresses(route.dst);
    return taken !== undefined && wanted !== undefined && overlap(wanted, taken);
  });
}

interface Range {
  first: number;
  last: number;
}

function overlap(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** undefined for text that is not an IPv4 range. */
function addresses(range: string): Range | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(range);
  if (match === null) return undefined;
  const value = match.slice(1, 5).reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(match[5] ?? 32));
  const first = value - (value % size);
  return { first, last: first + size - 1 };
}
