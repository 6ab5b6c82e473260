import { createServer } from 'node:net';

/**
 * Above the ports that the kernel gives to outgoing connections (32768 to 60999): one from among those may be taken by any
 * connection between the look here and the start of the server that it is for.
 */
const first = 61_000;
const last = 65_535;

/** Each process begins elsewhere, so that two of them seldom look at the same ports. */
let next = first + Math.floor(Math.random() * (last - first + 1));

/** `count` distinct loopback ports that nobody listens on. None comes twice in a process before all have come. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = first; ports.length < count; tries += 1) {
    if (tries > last) throw new Error(`${count} ports are wanted, and ${first} to ${last} has fewer free ones`);
    const port = next;
    next = next === last ? first : next + 1;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const server = createServer();
    server.once('error', () => answer(false));
    server.listen(port, '127.0.0.1', () => server.close(() => answer(true)));
  });
