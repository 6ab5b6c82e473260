import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';

export interface Address {
  host: string;
  port: number;
}

/** Reads `host:port`, `1.2.3.4:port` or `[v6]:port`; undefined for other text. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port >= 1 && port <= 65535 ? { host, port } : undefined;
}

/** This machine's address as `to` would see it: the kernel's choice of source address. No packet is sent. */
export async function sourceAddress(to: Address): Promise<string | undefined> {
  const target = await lookup(to.host).catch(() => undefined);
  if (target === undefined) return undefined;
  const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(to.port, target.address, () => resolve());
    });
    return socket.address().address;
  } catch {
    return undefined; // No route: the caller keeps what it had.
  } finally {
    socket.close();
  }
}
