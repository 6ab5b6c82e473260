import { createServer } from 'node:net';

import { codeOf } from '../../base/problem.ts';
import { MACHINE_SIDECARS } from '../../mesh/names/sidecar-ports.ts';

export interface PortWish {
  /** The port that the instance had before. */
  had: number | undefined;
  /** Ports that other instances of this machine hold. */
  others: ReadonlySet<number>;
  isFree: (port: number) => Promise<boolean>;
}

/** The port it had, else the first free one; undefined when all 256 are taken. */
export async function choosePort({ had, others, isFree }: PortWish): Promise<number | undefined> {
  const { first, last } = MACHINE_SIDECARS;
  const range = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  for (const port of had === undefined ? range : [had, ...range])
    if (!others.has(port) && (await isFree(port))) return port;
  return undefined;
}

/** Whether the port can be listened on, on all addresses of either family, as the sidecar will. */
export const isPortFree = async (port: number): Promise<boolean> =>
  (await isFreeOn('0.0.0.0', port)) && (await isFreeOn('::', port));

function isFreeOn(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (codeOf(error) === 'EADDRINUSE') resolve(false);
      // A machine without IPv6.
      else if (codeOf(error) === 'EAFNOSUPPORT' || codeOf(error) === 'EADDRNOTAVAIL') resolve(true);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true, ipv6Only: true }, () => server.close(() => resolve(true)));
  });
}
