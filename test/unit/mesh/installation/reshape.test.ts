import { expect } from 'chai';
import { type HeldShape, type Shape, judgeReshape } from '../../../../mesh/installation/reshape.ts';

const wanted: Shape = {
  cluster: 'berlin',
  externalConsul: false,
  servers: 1,
  storage: '1Gi',
  storageClass: '',
  priorityClass: { name: 'landbridge-control-plane', value: 1000, create: true },
  createNamespace: true,
  installCrds: true,
};
const claim = (ordinal: number, expandable = true) => ({ ordinal, storage: '1Gi', storageClass: 'fast', expandable });
const held: HeldShape = {
  cluster: 'berlin',
  externalConsul: false,
  servers: 1,
  storage: '1Gi',
  storageClass: undefined,
  claims: [claim(0)],
  priorityClass: { value: 1000, ours: true },
  namespace: { toHelm: true, kept: false },
  crd: { toHelm: true, kept: true },
};
const nothing: HeldShape = {
  cluster: undefined,
  externalConsul: undefined,
  servers: 0,
  storage: undefined,
  storageClass: undefined,
  claims: [],
  priorityClass: undefined,
  namespace: undefined,
  crd: undefined,
};

describe('Values for an installation that is there', () => {
  it('ask for nothing where nothing is installed, or where they are as they were', () => {
    for (const before of [nothing, held])
      expect(judgeReshape(before, wanted)).to.deep.equal({ refusals: [], steps: [] });
    expect(judgeReshape(held, { ...wanted, storage: '1024Mi' }).steps, 'the same amount').to.deep.equal([]);
  });

  it('bring servers in, and take servers out', () => {
    expect(judgeReshape(held, { ...wanted, servers: 3 })).to.deep.equal({
      refusals: [],
      steps: [{ do: 'add-servers', from: 1, to: 3 }],
    });
    const three = { ...held, servers: 3, claims: [0, 1, 2].map((ordinal) => claim(ordinal)) };
    expect(judgeReshape(three, wanted)).to.deep.equal({
      refusals: [],
      steps: [{ do: 'remove-servers', from: 3, to: 1 }],
    });
  });

  it('bring no server in that would wake up with the data of another time', () => {
    const left = { ...held, claims: [claim(0), claim(1), claim(2)] };
    const { refusals } = judgeReshape(left, { ...wanted, servers: 3 });
    expect(refusals).to.have.length(1);
    expect(refusals[0]).to.include(
      'kubectl -n landbridge delete pvc data-landbridge-consul-server-1 data-landbridge-consul-server-2',
    );
  });

  it('let volumes grow where their class lets them, and each claim that is too small', () => {
    const three = { ...held, servers: 3, claims: [claim(0), { ...claim(1), storage: '2Gi' }, claim(2)] };
    expect(judgeReshape(three, { ...wanted, servers: 3, storage: '2Gi' })).to.deep.equal({
      refusals: [],
      steps: [{ do: 'expand-claims', ordinals: [0, 2], storage: '2Gi' }],
    });
    expect(judgeReshape(three, { ...wanted, storage: '2Gi' }).steps, 'those that stay').to.deep.equal([
      { do: 'remove-servers', from: 3, to: 1 },
      { do: 'expand-claims', ordinals: [0], storage: '2Gi' },
    ]);
  });

  const refused: [what: string, before: HeldShape, values: Partial<Shape>, says: RegExp][] = [
    ['another cluster name', held, { cluster: 'paris' }, /^cluster cannot change from berlin to paris.*uninstall/],
    ['external servers', held, { externalConsul: true }, /^externalConsul\.enabled cannot change to true.*uninstall/],
    ['smaller volumes', held, { storage: '900Mi' }, /^consul\.storage cannot become less, 900Mi after 1Gi.*backup/],
    [
      'larger volumes of a class that does not let them grow',
      { ...held, claims: [claim(0, false)] },
      { storage: '2Gi' },
      /^consul\.storage cannot become 2Gi, since the storage class "fast".*allowVolumeExpansion/,
    ],
    ['another storage class', held, { storageClass: 'slow' }, /^consul\.storageClass cannot change from "" to "slow"/],
    [
      'a namespace that Helm would delete',
      held,
      { createNamespace: false },
      /^createNamespace .*kubectl annotate namespace landbridge helm\.sh\/resource-policy=keep/,
    ],
    [
      'a CRD that Helm would delete',
      { ...held, crd: { toHelm: true, kept: false } },
      { installCrds: false },
      /^crds\.install .*crds\.keep true first/,
    ],
    [
      'a priority class that would go while pods need it',
      held,
      { priorityClass: { ...wanted.priorityClass, create: false } },
      /^priorityClass\.create .*priorityClass\.name/,
    ],
  ];
  for (const [what, before, values, says] of refused)
    it(`refuse ${what}, and say the way round`, () => {
      const { refusals } = judgeReshape(before, { ...wanted, ...values });
      expect(refusals).to.have.length(1);
      expect(refusals[0]).to.match(says);
    });

  it('may leave a namespace and a CRD that are kept', () => {
    const kept = { ...held, namespace: { toHelm: true, kept: true } };
    expect(judgeReshape(kept, { ...wanted, createNamespace: false, installCrds: false }).refusals).to.deep.equal([]);
    const byHand = { ...held, namespace: { toHelm: false, kept: false }, crd: { toHelm: false, kept: false } };
    expect(judgeReshape(byHand, { ...wanted, createNamespace: false, installCrds: false }).refusals).to.deep.equal([]);
  });

  it('make a priority class of ours again for another number, and leave that of others alone', () => {
    const values = { ...wanted, priorityClass: { ...wanted.priorityClass, value: 5 } };
    expect(judgeReshape(held, values).steps).to.deep.equal([
      { do: 'renew-priority-class', name: 'landbridge-control-plane' },
    ]);
    const theirs = { ...held, priorityClass: { value: 1000, ours: false } };
    expect(
      judgeReshape(theirs, { ...values, priorityClass: { ...values.priorityClass, create: false } }),
    ).to.deep.equal({
      refusals: [],
      steps: [],
    });
  });
});
