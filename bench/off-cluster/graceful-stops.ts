import { setTimeout as delay } from 'node:timers/promises';
import { vmExec } from '../../lab/vm/exec.ts';
import { failed } from '../../test/support/load/steady-load.ts';
import type { Finding } from '../measure.ts';
import type { Hop } from './hop.ts';
import { failuresSaid } from './lost.ts';

type Machine = Awaited<ReturnType<Hop['newMachine']>>;

/** An instance is stopped as a service manager stops it, and started again, under load. Nobody is to notice. */
export async function gracefulStops(
  hop: Hop,
  { vm, unit }: Machine,
  { stops, rate }: { stops: number; rate: number },
): Promise<Omit<Finding, 'measure'>[]> {
  const lost: number[] = [];
  for (let stop = 0; stop < stops; stop++) {
    await hop.settled(['vm1', 'vm4', 'vm5']);
    const load = await hop.load(rate);
    const began = Date.now();
    try {
      await delay(1500);
      await vmExec(vm, ['systemctl', 'stop', unit], { timeoutMs: 60_000 });
      await delay(1500);
      await vmExec(vm, ['systemctl', 'start', unit], { timeoutMs: 60_000 });
      await hop.until(vm.name, 'passing', 30_000);
      await delay(1500);
    } finally {
      const shots = await load.stop();
      const bad = shots.filter(failed);
      lost.push(bad.length);
      console.log(
        `stop ${stop + 1} of ${stops}: ${bad.length} of ${shots.length} failed ${failuresSaid(shots, began)}`,
      );
    }
  }
  return [{ parameters: `systemctl stop and start, ${rate} requests/s`, unit: 'lost', samples: lost, bar: { max: 0 } }];
}
