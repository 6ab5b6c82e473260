import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runningLab } from '../../lab/running.ts';
import type { Finding } from '../measure.ts';
import { describeMachine } from '../report.ts';
import { bridgeKills } from './bridge-kills.ts';
import { envoyUpgrade } from './envoy-upgrade.ts';
import { gracefulStops } from './graceful-stops.ts';
import { startHop } from './hop.ts';
import { revocation } from './revocation.ts';
import { tell } from './tell.ts';

/**
 * `npm run bench:offcluster [-- --stops 5 --bridge-seconds 60 --rate 200 --json FILE]`: machines of the lab that is up, at
 * a steady rate over one hop. Two machines join by one line; instances are stopped gracefully; Envoy is upgraded; the bridge
 * is killed, alone and with a standby; one machine is revoked. About five minutes.
 */
const { values } = parseArgs({
  options: {
    stops: { type: 'string', default: '5' },
    'bridge-seconds': { type: 'string', default: '60' },
    rate: { type: 'string', default: '200' },
    json: { type: 'string', default: 'dist/bench-offcluster.json' },
  },
});
const whole = (name: keyof typeof values, least: number): number => {
  const count = Number(values[name]);
  if (Number.isInteger(count) && count >= least) return count;
  throw new Error(`--${name} ${values[name]}: want a whole number, at least ${least}`);
};
const [stops, seconds, rate] = [whole('stops', 0), whole('bridge-seconds', 0), whole('rate', 1)];

const machine = describeMachine();
console.log(machine);
const findings: Finding[] = [];
const failures: { measure: string; error: string }[] = [];
const make = async (measure: string, task: () => Promise<Omit<Finding, 'measure'>[]>): Promise<void> => {
  try {
    findings.push(...(await task()).map((finding) => ({ measure, ...finding })));
    console.log(`${measure}: done`);
  } catch (error) {
    failures.push({ measure, error: (error as Error).message });
    console.log(`${measure}: ${(error as Error).message}`);
  }
};

const hop = await startHop(await runningLab());
try {
  const machines: Awaited<ReturnType<typeof hop.newMachine>>[] = [];
  await make('one-line join', async () => {
    for (const name of ['vm4', 'vm5']) {
      const made = await hop.newMachine(name);
      console.log(made.line.said);
      machines.push(made);
    }
    const failed = machines.flatMap(({ line }) => line.said.match(/^ +FAIL .*$/gm) ?? []);
    if (failed.length > 0) throw new Error(failed.join('; '));
    const samples = machines.map(({ line }) => line.seconds);
    return [
      {
        parameters: 'new VM, files from the bridge, self-test in it',
        unit: 's' as const,
        samples,
        bar: { max: 15 },
      },
    ];
  });
  const [first, second] = machines;
  if (first !== undefined && second !== undefined) {
    await hop.settled(['vm1', 'vm4', 'vm5']);
    if (stops > 0) await make('graceful stop', () => gracefulStops(hop, first, { stops, rate }));
    await make('Envoy upgraded', () => envoyUpgrade(hop, first, { rate }));
    if (seconds > 0) {
      await make('bridge killed', () => bridgeKills(hop, { seconds, rate, replicas: 1 }));
      await make('bridge failed over', () => bridgeKills(hop, { seconds, rate, replicas: 2 }));
    }
    await delay(1000);
    await make('revoke', () => revocation(hop, second, { rate }));
  }
} finally {
  await hop.remove();
}
process.exit(await tell(machine, findings, failures, values.json));
