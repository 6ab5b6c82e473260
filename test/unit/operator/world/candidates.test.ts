import { expect } from 'chai';
import type { MeshService } from '../../../../crds/mesh-service.ts';
import { rememberedCandidates } from '../../../../operator/world/candidates.ts';
import { type RawMeshService, holdMeshService } from '../../../../operator/world/held-mesh-service.ts';
import { aMeshService } from '../../../support/builders.ts';

const raw = (name: string, app: string, resourceVersion: string): RawMeshService =>
  ({
    ...aMeshService(name, { workloads: { pods: { selector: { matchLabels: { app } } } } }),
    metadata: { name, namespace: 'shop', uid: name, generation: 1, resourceVersion },
  }) as RawMeshService;

describe('MeshServices that may select the same pods', () => {
  it('are looked for once, however often the status of one changes', () => {
    let looks = 0;
    let all: MeshService[] = [];
    const candidates = rememberedCandidates(() => {
      looks++;
      return all;
    });
    const [web, twin, api] = [raw('web', 'web', '1'), raw('twin', 'web', '1'), raw('api', 'api', '1')].map((one) =>
      holdMeshService(one, undefined),
    );
    all = [web!, twin!, api!].map(({ meshService }) => meshService!);
    let held = web!;
    for (let turn = 2; turn < 100; turn++) {
      held = holdMeshService(raw('web', 'web', `${turn}`), held);
      expect(candidates.of(held.meshService!).map(({ metadata }) => metadata.name)).to.deep.equal(['twin']);
    }
    expect(looks).to.equal(1);
    candidates.forget('shop');
    candidates.of(held.meshService!);
    expect(looks, 'after a change').to.equal(2);
  });

  it('are others for another spec of the same name', () => {
    const [before, after, api] = [raw('web', 'web', '1'), raw('web', 'api', '2'), raw('api', 'api', '1')].map(
      (one) => holdMeshService(one, undefined).meshService!,
    );
    const candidates = rememberedCandidates(() => [before!, api!]);
    expect(candidates.of(before!)).to.deep.equal([]);
    expect(candidates.of(after!).map(({ metadata }) => metadata.name)).to.deep.equal(['api']);
  });
});
