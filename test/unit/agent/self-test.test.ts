import { expect } from 'chai';

import { selfTest } from '../../../agent/self-test.ts';
import { selfTestText } from '../../../cli/vm/self-test-text.ts';

const instance = {
  ...{ id: 'web-vm1-8080', service: 'web', appPort: 8080, sidecarPort: 21000, check: undefined, draining: false },
  envoy: { state: 'live' as const, pid: 1, version: '1.34.0', restarts: 0, connected: true, problem: undefined },
  ...{ refused: undefined, now: { health: 'passing' as const, output: '' }, inMesh: 'passing' as const, upstreams: [] },
};
const reach = async () => ({ instances: [{ id: 'web-vm1-8080', ok: true, output: 'answers as web in 3 ms' }] });
const test = (clock: string | undefined) =>
  selfTest({
    ...{ instances: [instance], runtimeDir: '/nowhere', reach, tryPods: async () => [] },
    clockProblem: () => clock,
  });

describe('the self-test of a machine', () => {
  it('fails with the sentence about a wrong clock, for ways in any state', async () => {
    const findings = await test("this machine's clock is 7200 s behind the bridge's: set it");
    expect(selfTestText(findings)).to.equal(
      "  FAIL this machine's clock is 7200 s behind the bridge's: set it\n  ok   mesh -> web-vm1-8080: answers as web in 3 ms\n",
    );
    expect(findings.some(({ ok }) => !ok)).to.equal(true);
  });

  it('says nothing of a clock that is right', async () => {
    expect((await test(undefined)).map(({ ok }) => ok)).to.deep.equal([true]);
  });
});
