import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';

import { type HostAndPort, hostAndPort, ipAddress } from '../../mesh/names/host-and-port.ts';

export type Address = HostAndPort;

/** Reads `host:port`, `1.2.3.4:port` or `[v6]:port`; undefined for other text. */
export const parseAddress = (text: string): Address | undefined => hostAndPort(text.trim());

/**
 * This machine's address as `to` would see it: the kernel's choice of source address. No packet is sent. undefined: no way
 * leads there, or the address has a zone (`fe80::1%eth0`), so that it works on one link alone.
 */
export async function sourceAddress(to: Address): Promise<string | undefined> {
  const target = await lookup(to.host).catch(() => undefined);
  if (target === undefined) return undefined;
  const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(to.port, target.address, () => resolve());
    });
    return ipAddress(socket.address().address);
  } catch {
    return undefined; // No route: the caller keeps what it had.
  } finally {
    socket.close();
  }
}
