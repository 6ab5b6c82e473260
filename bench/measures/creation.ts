import { setTimeout as delay } from 'node:timers/promises';
import { type Measure, timed } from '../measure.ts';
import { NEVER_VERIFY_SECONDS } from '../rig/rig.ts';
import { cpuSeconds } from '../rig/process-stat.ts';
import { firstWalksOf } from './idle.ts';

const BUILD_DEADLINE_MS = 600_000;
/** Walks that follow from the creation, and the last answers of Consul about it, are over. */
const REST_MS = 5000;
const PARTS = 4;

/** Many MeshServices are created by a user who does not wait: how long the operator takes, and how much CPU. */
export const creation: Measure = {
  name: 'creation',
  apart: true,
  async run(rig, { meshServices }, found) {
    const operator = await rig.operator(NEVER_VERIFY_SECONDS);
    const part = Math.floor(meshServices / PARTS);
    const seconds: number[] = [];
    const cpu: number[] = [];
    for (let made = 0; made < PARTS * part; made += part) {
      const before = await cpuSeconds(operator.pid);
      const tookMs = await timed(async () => {
        await rig.pods.each(part, (index) => rig.pods.declare(`made-${made + index}`));
        await rig.meshServices.untilAll(made + part, ({ consul }) => consul !== undefined, BUILD_DEADLINE_MS);
      });
      await firstWalksOf(operator, made + part);
      await delay(REST_MS);
      seconds.push(tookMs / 1000);
      cpu.push((await cpuSeconds(operator.pid)) - before);
    }
    const sum = (all: number[]): number => all.reduce((total, one) => total + one, 0);
    const at = `${PARTS * part} MeshServices`;
    const parts = (all: number[]): string => all.map((one) => one.toFixed(2)).join(', ');
    found({
      parameters: `first declared -> each held in Consul, ${at}`,
      unit: 's',
      samples: [sum(seconds)],
      note: `${part} at a time: ${parts(seconds)} s`,
    });
    found({
      parameters: `CPU of the operator, ${at}`,
      unit: 'CPU s',
      samples: [sum(cpu)],
      note: `${part} at a time, with ${REST_MS / 1000} s of rest after each: ${parts(cpu)} s`,
    });
  },
};
