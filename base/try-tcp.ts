import { connect } from 'node:net';

import { codeOf, messageOf } from './problem.ts';

export interface TriedTcp {
  ok: boolean;
  /** The result, in a few words. */
  output: string;
}

const PATIENCE_MS = 2000;

/** A TCP connection. Never throws. */
export function tryTcp({ address, port }: { address: string; port: number }): Promise<TriedTcp> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (ok: boolean, output: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ok, output });
    };
    const timer = setTimeout(() => end(false, `no answer within ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    socket.once('connect', () => end(true, 'connected'));
    socket.once('error', (error) => end(false, codeOf(error) ?? messageOf(error).slice(0, 100)));
  });
}
