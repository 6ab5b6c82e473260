import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** How the gate treats Consul: `open` passes; `refused` is nobody who listens, as the port of a stopped server; `frozen` keeps connections and passes nothing. */
export type GateState = 'open' | 'refused' | 'frozen';

export interface Gate {
  /** `127.0.0.1:PORT`: the address of Consul in the settings of the operator. */
  address: string;
  /** Refusing closes every connection. Freezing and opening leave the connections at hand. */
  turn(state: GateState): Promise<void>;
  /** Sends later connections to another port of this machine, and closes the present ones. */
  leadTo(port: number): void;
  /** Holds each chunk this long on its way to Consul. */
  delayBy(ms: number): void;
  close(): Promise<void>;
}

/**
 * A TCP gate in front of Consul. It looks into nothing, so TLS stays between the two ends and its cost is a copy: timings
 * through it are the operator's and Consul's own. What has to be counted is led through `counter.ts` behind it.
 */
export async function startGate(port: number): Promise<Gate> {
  let target = port;
  let state: GateState = 'open';
  let delayMs = 0;
  const pairs = new Set<{ near: Socket; far: Socket }>();

  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: target, noDelay: true });
    const pair = { near, far };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.on('data', (chunk) => {
      if (delayMs === 0) far.write(chunk);
      else setTimeout(() => far.write(chunk), delayMs);
    });
    far.on('data', (chunk) => void near.write(chunk));
    if (state === 'frozen') pause(pair);
  });
  const pause = ({ near, far }: { near: Socket; far: Socket }): void => [near, far].forEach((socket) => socket.pause());
  const endAll = (): void => pairs.forEach(({ near }) => near.resetAndDestroy());

  const listen = (on: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(on, '127.0.0.1', resolve);
    });
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  return {
    address: `127.0.0.1:${own}`,
    async turn(next) {
      state = next;
      if (next === 'refused') {
        const closed = new Promise((resolve) => server.close(resolve));
        endAll();
        await closed;
        return;
      }
      for (const pair of pairs) {
        if (next === 'frozen') pause(pair);
        else for (const socket of [pair.near, pair.far]) socket.resume();
      }
      if (!server.listening) await listen(own);
    },
    leadTo(next) {
      target = next;
      endAll();
    },
    delayBy: (ms) => void (delayMs = ms),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        endAll();
      }),
  };
}
