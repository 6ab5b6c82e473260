import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runningLab } from '../../lab/running.ts';
import { bootVm, cutPower } from '../../lab/vm/power.ts';
import { DEFAULT_LEASE_MS } from '../../mesh/outside/lease.ts';
import { describeMachine } from '../report.ts';
import { type Hop, startHop } from './hop.ts';
import { type Lost, lostTo } from './lost.ts';
import { tell } from './tell.ts';

/**
 * `npm run bench:cuts [-- --cuts 50 --json FILE]`: power cuts of machines of the lab that is up, in turns of two that are
 * made for it. Of each: the time from the cut until the last request was sent to the dead instance. Bar: p99 within the
 * lease and half a second. A cut takes about 14 s.
 */
const { values } = parseArgs({
  options: { cuts: { type: 'string', default: '50' }, json: { type: 'string', default: 'dist/bench-cuts.json' } },
});
const cuts = Number(values.cuts);
if (!Number.isInteger(cuts) || cuts < 1) throw new Error(`--cuts ${values.cuts}: want a number of cuts, such as 50`);

const PER_SECOND = 60;
const MACHINES = ['vm4', 'vm5'];
/** For those who call, after the bridge has marked it: Consul, xDS, Envoy. */
const AFTER_MS = 1500;

/** Each instance has its turn whatever it answers, nothing is tried again, and no caller leaves anybody by itself. */
const PLAIN = {
  timeout: '2s',
  connectTimeout: '500ms',
  retries: { attempts: 0 },
  loadBalancing: { policy: 'RoundRobin' },
  passiveHealth: { mode: 'Off' },
} as const;

async function cut(hop: Hop, name: string): Promise<Lost & { markedMs: number }> {
  await hop.settled(['vm1', ...MACHINES]);
  const load = await hop.load(PER_SECOND);
  await delay(1000);
  const cutAtMs = Date.now();
  try {
    await cutPower({ name });
    await hop.until(name, 'critical', DEFAULT_LEASE_MS + 10_000);
  } catch (error) {
    await load.stop();
    throw error;
  }
  const markedMs = Date.now() - cutAtMs;
  await delay(AFTER_MS);
  const shots = await load.stop();
  const early = shots.filter(({ sentAtMs, ms, status }) => status !== 200 && sentAtMs + ms < cutAtMs);
  if (early.length > 0) throw new Error(`${early.length} requests failed before the cut: the lab is not well`);
  return { ...lostTo(shots, cutAtMs), markedMs };
}

const machine = describeMachine();
console.log(machine);
const hop = await startHop(await runningLab());
const done: Awaited<ReturnType<typeof cut>>[] = [];
const failures: { measure: string; error: string }[] = [];
try {
  for (const name of MACHINES) await hop.newMachine(name);
  await hop.declare(PLAIN);
  for (let turn = 0; turn < cuts; turn++) {
    const name = MACHINES[turn % MACHINES.length]!;
    try {
      const lost = await cut(hop, name);
      done.push(lost);
      const { lastMs, failed, sent, markedMs } = lost;
      console.log(
        `cut ${turn + 1} of ${cuts}, ${name}: the last request that it lost was sent after ${Math.round(lastMs)} ms; ${failed} of ${sent} lost; marked after ${markedMs} ms`,
      );
    } catch (error) {
      failures.push({ measure: `cut ${turn + 1}`, error: (error as Error).message });
      console.log(`cut ${turn + 1}: ${(error as Error).message}`);
    }
    await bootVm({ name });
    await hop.until(name, 'passing', 60_000);
  }
} finally {
  await hop.remove();
}
const parameters = `lease ${DEFAULT_LEASE_MS / 1000} s, ${PER_SECOND} requests/s to 3 instances`;
const of = (samples: number[]) => ({ measure: 'power cut', samples });
const findings =
  done.length === 0
    ? []
    : [
        {
          ...of(done.map(({ lastMs }) => lastMs)),
          parameters: `${parameters}: cut -> last request sent there`,
          unit: 'ms' as const,
          bar: { p99: DEFAULT_LEASE_MS + 500 },
        },
        { ...of(done.map(({ markedMs }) => markedMs)), parameters: 'cut -> marked by the bridge', unit: 'ms' as const },
        { ...of(done.map(({ failed }) => failed)), parameters: 'requests that a cut cost', unit: 'lost' as const },
      ];
process.exit(await tell(machine, findings, failures, values.json, { cuts: done }));
