import type { Measure } from '../measure.ts';
import { NEVER_VERIFY_SECONDS } from '../rig/rig.ts';
import { eachFlip } from './flips.ts';

/** Requests to Consul and raft writes of one readiness flip. The operator's own verification is off while it counts. */
export const flipCost: Measure = {
  name: 'flip-cost',
  async run(rig, scale, found) {
    await rig.operator(NEVER_VERIFY_SECONDS);
    for (const size of scale.sizes) {
      const service = await rig.population(size);
      const calls: number[] = [];
      const writes: number[] = [];
      const kinds = new Set<string>();
      await rig.gate.count(true);
      try {
        await eachFlip(rig, service, size, scale.countedFlips, async (flip) => {
          const before = (await rig.consul.agentSelf()).appliedIndex;
          await flip.settled(await flip.send());
          const seen = await rig.gate.take();
          seen.forEach((request) => kinds.add(request));
          calls.push(seen.length);
          writes.push((await rig.consul.agentSelf()).appliedIndex - before);
        });
      } finally {
        await rig.gate.count(false);
      }
      found({
        parameters: `calls a flip, N = ${size}`,
        unit: 'calls',
        samples: calls,
        bar: { max: 1 },
        peer: `${3 * size + 3}`,
        note: [...kinds].join(', '),
      });
      found({
        parameters: `raft writes a flip, N = ${size}`,
        unit: 'writes',
        samples: writes,
        bar: { max: 1 },
        peer: `${2 * size}`,
      });
    }
  },
};
