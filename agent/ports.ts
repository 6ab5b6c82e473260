import { createServer } from 'node:net';

import { codeOf } from './problem.ts';

/** The range that Consul documents for sidecars (https://developer.hashicorp.com/consul/docs/install/ports). */
export const FIRST_PORT = 21000;
export const LAST_PORT = 21255;

export interface PortWish {
  /** The port that the instance had before. */
  had: number | undefined;
  /** Ports that other instances of this machine hold. */
  others: ReadonlySet<number>;
  isFree: (port: number) => Promise<boolean>;
}

/** The port it had, else the first free one; undefined when all 256 are taken. */
export async function choosePort({ had, others, isFree }: PortWish): Promise<number | undefined> {
  const range = Array.from({ length: LAST_PORT - FIRST_PORT + 1 }, (_, index) => FIRST_PORT + index);
  for (const port of had === undefined ? range : [had, ...range])
    if (!others.has(port) && (await isFree(port))) return port;
  return undefined;
}

/** Whether the port can be listened on, on all IPv4 addresses, as the sidecar will. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (codeOf(error) === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
