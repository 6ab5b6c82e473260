import { setTimeout as delay } from 'node:timers/promises';
import type { GateState } from '../gate/gate.ts';
import { type Measure, timed } from '../measure.ts';
import { cpuSeconds } from '../rig/process-stat.ts';
import { podName } from '../rig/pods.ts';
import { allPassing, type Rig } from '../rig/rig.ts';
import type { Scale } from '../scale.ts';

const AWAYS: { state: GateState; words: string }[] = [
  { state: 'refused', words: 'stopped' },
  { state: 'frozen', words: 'frozen' },
];

/** Consul goes away, pods flip meanwhile, Consul returns: how long until it is right, and the cost of the wait. */
export const outage: Measure = {
  name: 'outage',
  async run(rig, scale, found) {
    const { pid } = await rig.operator(scale.verifySeconds);
    const service = await rig.population(scale.size);
    for (const { state, words } of AWAYS) {
      const before = await cpuSeconds(pid);
      await rig.gate.turn(state);
      try {
        await flipMeanwhile(rig, service, scale);
      } finally {
        await rig.gate.turn('open');
      }
      const cpu = (await cpuSeconds(pid)) - before;
      const backMs = await timed(() => flipsAreThere(rig, service, scale));
      const away = `Consul ${words} for ${scale.outageMs / 1000} s with ${scale.outageFlips} flips`;
      const peer = 'wrong after 300 s; 105 CPU seconds';
      found({
        parameters: `${away}: right after its return`,
        unit: 's',
        samples: [backMs / 1000],
        bar: { max: 5 },
        peer,
      });
      found({ parameters: `${away}: CPU of the operator`, unit: 'CPU s', samples: [cpu], bar: { max: 2 }, peer });
      await rig.pods.each(scale.outageFlips, (index) => rig.pods.setReady(service, index, true));
      await allPassing(rig.sight, service, scale.size);
    }
  },
};

/** Evenly over the outage. */
async function flipMeanwhile(rig: Rig, service: string, { outageMs, outageFlips }: Scale): Promise<void> {
  const started = performance.now();
  for (let index = 0; index < outageFlips; index++) {
    await rig.pods.setReady(service, index, false);
    await delay(Math.max(0, started + ((index + 1) * outageMs) / outageFlips - performance.now()));
  }
}

function flipsAreThere(rig: Rig, service: string, { size, outageFlips }: Scale): Promise<void> {
  const flipped = new Set(Array.from({ length: outageFlips }, (_, index) => podName(service, index)));
  return rig.sight.until(
    service,
    (checks) =>
      checks.length === size &&
      checks.every(({ ServiceID, Status }) => (Status === 'critical') === flipped.has(ServiceID)),
    { deadlineMs: 300_000 },
  );
}
