import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CounterOptions } from './counter.ts';
import type { GateState } from './gate.ts';
import type { GateReply, GateRequest } from './messages.ts';

/** The gate in front of Consul, from the side that measures. */
export interface ConsulGate {
  /** `127.0.0.1:PORT`: the address of Consul in the settings of the operator. */
  address: string;
  turn(state: GateState): Promise<void>;
  /** Starts to count requests (and to cost time), or stops. Open connections are closed either way. */
  count(on: boolean): Promise<void>;
  /** Requests since `count(true)` or the last `take`, such as `PUT /v1/txn`. */
  take(): Promise<string[]>;
  delayBy(ms: number): Promise<void>;
  stop(): Promise<void>;
}

type Wish = GateRequest extends infer Request ? (Request extends unknown ? Omit<Request, 'id'> : never) : never;

export async function forkGate(options: CounterOptions): Promise<ConsulGate> {
  const child = fork(fileURLToPath(new URL('process.ts', import.meta.url)), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let last = 0;
  child.on('message', ({ id, value, error }: GateReply) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waiter?.resolve(value as never);
    else waiter?.reject(new Error(error));
  });
  child.once('exit', () => waiting.forEach(({ reject }) => reject(new Error('the gate has ended'))));
  const ask = <T>(wish: Wish): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      child.send({ id, ...wish });
    });
  return {
    address: await ask<string>({ do: 'start', options }),
    turn: (state) => ask({ do: 'turn', state }),
    count: (on) => ask({ do: 'count', on }),
    take: () => ask({ do: 'take' }),
    delayBy: (ms) => ask({ do: 'delay', ms }),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
