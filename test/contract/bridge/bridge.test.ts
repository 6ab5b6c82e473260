import { type BridgeUnderTest, bridgeUnderTest } from './bridge-under-test.ts';
import { externalContract } from './clauses/bridge-externals.ts';
import { claimContract } from './clauses/bridge-claims.ts';
import { doorContract } from './clauses/bridge-doors.ts';
import { hostContract } from './clauses/bridge-hosts.ts';
import { joinContract } from './clauses/bridge-joins.ts';
import { podReachContract } from './clauses/bridge-pod-reach.ts';
import { reasonContract } from './clauses/bridge-reasons.ts';

for (const which of ['the fake', 'the real Consul'] as const) {
  describe(`a bridge on ${which}`, function () {
    this.timeout(120_000);
    let opened: BridgeUnderTest[] = [];
    const another = async (options = {}): Promise<BridgeUnderTest> => {
      opened.push(await bridgeUnderTest(which, options));
      return opened.at(-1)!;
    };

    beforeEach(async () => {
      await another();
    });
    afterEach(async () => {
      await Promise.all(opened.map((bridge) => bridge.stop()));
      opened = [];
    });

    hostContract(() => opened[0]!, another);
    doorContract(() => opened[0]!);
    joinContract(() => opened[0]!);
    claimContract(() => opened[0]!);
    externalContract(() => opened[0]!);
    podReachContract(() => opened[0]!);
    reasonContract(another);
  });
}
