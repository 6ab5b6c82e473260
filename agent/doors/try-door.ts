import { connect } from 'node:net';

import { TRIAL_ADDRESS } from '../../mesh/doors/nft-table.ts';

import { codeOf } from '../../base/problem.ts';

export type Door = 'closed' | 'open' | 'unknown';

const PATIENCE_MS = 1000;

/**
 * Whether the rules in force close the port: see TRIAL_ADDRESS. It needs no right, and sees at once when somebody has taken
 * the rules away. `unknown`: another rule of the machine swallows the trial. Where the rules are gone, an app that listens
 * on all addresses sees a connection that ends at once.
 */
export function tryDoor(port: number, at = TRIAL_ADDRESS): Promise<Door> {
  return new Promise((resolve) => {
    const socket = connect({ host: at, port });
    const end = (door: Door): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(door);
    };
    const timer = setTimeout(() => end('unknown'), PATIENCE_MS);
    socket.once('connect', () => end('open'));
    socket.once('error', (error) => {
      const code = codeOf(error);
      end(code === 'EHOSTUNREACH' ? 'closed' : code === 'ECONNREFUSED' || code === 'ECONNRESET' ? 'open' : 'unknown');
    });
  });
}
