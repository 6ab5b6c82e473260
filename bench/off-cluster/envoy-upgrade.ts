import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensurePart } from '../../lab/parts/ensure-part.ts';
import { silent } from '../../lab/progress/progress.ts';
import { vmCopy, vmExec } from '../../lab/vm/exec.ts';
import { type Shot, failed } from '../../test/support/load/steady-load.ts';
import type { Finding } from '../measure.ts';
import type { Hop } from './hop.ts';
import { failuresSaid } from './lost.ts';

type Machine = Awaited<ReturnType<Hop['newMachine']>>;

/** Where the one line puts it. */
const PROGRAM = '/usr/local/lib/landbridge/envoy';
const KEPT = '/var/tmp/envoys';

/** The machine is brought to the version before, and from there to its own again under load, as its people would do it. */
export async function envoyUpgrade(
  hop: Hop,
  { vm }: Machine,
  { rate }: { rate: number },
): Promise<Omit<Finding, 'measure'>[]> {
  const sh = async (script: string): Promise<string> =>
    (await vmExec(vm, ['sh', '-euc', script], { timeoutMs: 120_000 })).stdout.trim();
  const upgradeTo = (program: string): Promise<string> =>
    sh(
      `install -m 0755 ${KEPT}/${program} ${PROGRAM}.new; mv -f ${PROGRAM}.new ${PROGRAM}; landbridge vm upgrade-envoy`,
    );
  const version = () => sh(`${PROGRAM} --version | sed -n 's|.*/\\([0-9.]*\\)/.*|\\1|p'`);
  const before = await ensurePart('envoy-before', silent);
  await vmCopy(vm, [before], KEPT);
  await sh(`cd ${KEPT}; mv ${basename(before)} before; cp ${PROGRAM} now`);
  console.log(await upgradeTo('before'));
  const from = await version();
  await hop.settled(['vm1', 'vm4', 'vm5']);
  const load = await hop.load(rate);
  const began = Date.now();
  let shots: Shot[] = [];
  try {
    await delay(1500);
    console.log(await upgradeTo('now'));
    await delay(5000);
  } finally {
    shots = await load.stop();
  }
  const lost = shots.filter(failed).length;
  const there = shots.filter(({ servedBy }) => servedBy.endsWith(`@${vm.name}`)).length;
  const what = `Envoy ${from} -> ${await version()}`;
  console.log(`${what}: ${lost} of ${shots.length} failed, ${there} were served there ${failuresSaid(shots, began)}`);
  return [
    {
      parameters: `${what} on a machine under systemd, ${rate} requests/s`,
      unit: 'lost',
      samples: [lost],
      bar: { max: 0 },
    },
  ];
}
