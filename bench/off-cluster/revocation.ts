import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SITE } from '../../lab/sample/on-vms.ts';
import { failed } from '../../test/support/load/steady-load.ts';
import type { Finding } from '../measure.ts';
import type { Hop } from './hop.ts';
import { failuresSaid, lastServedMs } from './lost.ts';

type Machine = Awaited<ReturnType<Hop['newMachine']>>;

const WATCH_MS = 12_000;

/** `landbridge vm revoke` of a machine that serves: from the command until it gets no request, and takes no connection. */
export async function revocation(
  hop: Hop,
  { vm, line }: Machine,
  { rate }: { rate: number },
): Promise<Omit<Finding, 'measure'>[]> {
  await hop.settled(['vm1', 'vm4', 'vm5']);
  const port = Number(/^joined .*:(\d+)\), healthy/m.exec(line.said)?.[1]);
  if (!(await listens(vm.address, port))) throw new Error(`nobody listens at ${vm.address}:${port}`);
  const load = await hop.load(rate);
  await delay(1500);
  const began = Date.now();
  const closed = untilClosed(vm.address, port, began);
  let commandMs = 0;
  try {
    await hop.lab.landbridge(['vm', 'revoke', vm.name, '--site', SITE]);
    commandMs = Date.now() - began;
    await delay(3000);
  } finally {
    const shots = await load.stop();
    const closedMs = await closed;
    const usedMs = lastServedMs(shots, vm.name, began);
    const bad = shots.filter(failed).length;
    console.log(
      `revoked: the command took ${commandMs} ms, the last request that it served was sent after ${usedMs} ms, its sidecar's port ${closedMs === undefined ? `still open after ${WATCH_MS} ms` : `closed after ${closedMs} ms`}; ${bad} of ${shots.length} failed ${failuresSaid(shots, began)}`,
    );
    const findings: Omit<Finding, 'measure'>[] = [
      { parameters: 'command -> last request that it served', unit: 'ms', samples: [usedMs], bar: { max: 2000 } },
      {
        parameters: 'command -> its sidecar takes no connection',
        unit: 'ms',
        samples: [closedMs ?? WATCH_MS],
        bar: { max: 2000 },
      },
      { parameters: 'the command itself', unit: 'ms', samples: [commandMs] },
      { parameters: `requests, ${rate}/s`, unit: 'lost', samples: [bad] },
    ];
    return findings;
  }
}

/** ms until the port is closed; undefined: it is still open. The host reaches the lab's network. */
async function untilClosed(host: string, port: number, fromMs: number): Promise<number | undefined> {
  while (Date.now() - fromMs < WATCH_MS) {
    if (!(await listens(host, port))) return Date.now() - fromMs;
    await delay(50);
  }
  return undefined;
}

const listens = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });
