import { expect } from 'chai';
import fc from 'fast-check';
import { after } from '../../../../mesh/catalog/after.ts';
import { diff } from '../../../../mesh/catalog/diff.ts';
import {
  type ActualState,
  CONFIG_KINDS,
  type ConfigEntry,
  configKey,
  OWNER_META,
} from '../../../../mesh/catalog/entry.ts';
import { type Intent, desiredState } from '../../../../mesh/service/desired.ts';
import type { Change } from '../../../../mesh/catalog/plan.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const NOTHING: ActualState = { node: undefined, config: {} };
const OWNER = 'k8s/lab/shop/sub-svc';

const podArbitrary = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  ip: fc.option(fc.constantFrom('10.244.1.1', '10.244.1.2', '10.244.2.9'), { nil: undefined }),
  ready: fc.boolean(),
  terminating: fc.boolean(),
  finished: fc.boolean(),
  version: fc.option(fc.constantFrom('v1', 'v2'), { nil: undefined }),
});

const specArbitrary = fc.record({
  protocol: fc.constantFrom('tcp' as const, 'http' as const, 'grpc' as const),
  access: fc.subarray([{ from: 'frontend' }, { from: 'edge' }, { from: '*' }]),
  upstreams: fc.subarray([
    { service: 'add-svc', localPort: 9191 },
    { service: 'echo', localPort: 9292 },
  ]),
  service: fc.option(fc.constantFrom('sub-svc', 'renamed'), { nil: undefined }),
});

const intentArbitrary = fc.record({
  spec: fc.option(specArbitrary, { nil: undefined }),
  pods: fc.uniqueArray(podArbitrary, { selector: (pod) => pod.name }),
});

type Asked =
  fc.Arbitrary<unknown> extends never ? never : typeof intentArbitrary extends fc.Arbitrary<infer T> ? T : never;

const desiredOf = ({ spec, pods }: Asked, more: Partial<Intent> = {}) =>
  desiredState({
    ...more,
    cluster: 'lab',
    namespace: 'shop',
    name: 'sub-svc',
    meshService: spec === undefined ? undefined : aMeshService('sub-svc', spec),
    pods: pods.map((pod) => aPodFacts(pod.name, pod)),
    formerServices: [],
  });

/** Consul as far as a plan sees it: the indexes that Consul would give are given here. */
function written(actual: ActualState, changes: Change[]): ActualState {
  let index = 100;
  return changes.reduce<ActualState>((state, change) => {
    if (change.op === 'set-config') {
      const held = { entry: change.entry, modifyIndex: ++index };
      return { ...state, config: { ...state.config, [configKey(change.entry)]: held } };
    }
    if (change.op === 'delete-config') {
      const { [configKey({ Kind: change.kind, Name: change.name })]: _gone, ...config } = state.config;
      return { ...state, config };
    }
    return after(state, [change], new Map());
  }, actual);
}

describe('diff', () => {
  it('makes Consul hold exactly what is asked for, from any earlier state', () => {
    fc.assert(
      fc.property(intentArbitrary, intentArbitrary, (before, now) => {
        const held = written(NOTHING, diff(desiredOf(before), NOTHING, OWNER).changes);
        const desired = desiredOf(now);
        const settled = written(held, diff(desired, held, OWNER).changes);
        expect(settled.node).to.deep.equal(desired.node);
        expect(Object.values(settled.config).map((entry) => entry.entry)).to.have.deep.members(
          Object.values(desired.config),
        );
      }),
    );
  });

  it('asks for nothing once Consul holds what is asked for', () => {
    fc.assert(
      fc.property(intentArbitrary, (asked) => {
        const desired = desiredOf(asked);
        const held = written(NOTHING, diff(desired, NOTHING, OWNER).changes);
        expect(diff(desired, held, OWNER).changes).to.deep.equal([]);
      }),
    );
  });

  it('writes only checks when only readiness changed, for any number of pods', () => {
    const pods = Array.from({ length: 50 }, (_, index) => aPodFacts(`pod-${index}`));
    const intent = {
      cluster: 'lab',
      namespace: 'shop',
      name: 'sub-svc',
      meshService: aMeshService('sub-svc'),
      pods,
      formerServices: [],
    };
    const held = written(NOTHING, diff(desiredState(intent), NOTHING, OWNER).changes);
    const flipped = desiredState({ ...intent, pods: [{ ...pods[0]!, ready: false }, ...pods.slice(1)] });
    const { changes } = diff(flipped, held, OWNER);
    expect(changes.map((change) => change.op)).to.deep.equal(['set-check', 'set-check']);
  });

  it('takes instances out before everything else', () => {
    fc.assert(
      fc.property(intentArbitrary, intentArbitrary, (before, now) => {
        const held = written(NOTHING, diff(desiredOf(before), NOTHING, OWNER).changes);
        const ops = diff(desiredOf(now), held, OWNER).changes.map((change) =>
          ['delete-node', 'delete-service'].includes(change.op),
        );
        expect(ops.lastIndexOf(true)).to.be.lessThan(ops.includes(false) ? ops.indexOf(false) : Infinity);
      }),
    );
  });

  it('never touches what another owner holds, and then holds nothing under that name itself', () => {
    fc.assert(
      fc.property(intentArbitrary, fc.constantFrom('service-defaults', 'service-intentions'), (asked, Kind) => {
        const desired = desiredOf(asked);
        const mine = written(NOTHING, diff(desired, NOTHING, OWNER).changes);
        const entry = {
          Kind,
          Name: desired.service ?? 'sub-svc',
          Meta: { [OWNER_META]: 'k8s/lab/other/sub-svc' },
        } as const;
        // The claim is left out: with it, all entries under the name are the owner's to judge.
        const { [`service-defaults/${entry.Name}`]: _claim, ...config } = mine.config;
        const actual: ActualState = { ...mine, config: { ...config, [configKey(entry)]: { entry, modifyIndex: 7 } } };
        const { changes, conflicts } = diff(desired, actual, OWNER);
        for (const change of changes) {
          if (change.op === 'set-config') expect(configKey(change.entry)).not.to.equal(configKey(entry));
          if (change.op === 'delete-config') {
            expect(configKey({ Kind: change.kind, Name: change.name })).not.to.equal(configKey(entry));
          }
        }
        if (desired.service === undefined) return;
        expect(conflicts).to.deep.equal([{ what: configKey(entry), owner: 'k8s/lab/other/sub-svc' }]);
        expect(changes.every((change) => change.op.startsWith('delete'))).to.equal(true);
      }),
    );
  });

  describe('under a name whose claim is ours', () => {
    const strange = fc.record({
      Kind: fc.constantFrom(...CONFIG_KINDS.slice(1)),
      mark: fc.constantFrom(undefined, 'k8s/lab/other/web', 'by-hand'),
    });
    const foreign = (Kind: ConfigEntry['Kind'], Name: string, mark: string | undefined): ConfigEntry => ({
      Kind,
      Name,
      Meta: mark === undefined ? {} : { [OWNER_META]: mark },
      Of: 'another hand',
    });
    const withEntry = (held: ActualState, entry: ConfigEntry): ActualState => ({
      ...held,
      config: { ...held.config, [configKey(entry)]: { entry, modifyIndex: 7 } },
    });

    it('puts right whatever another hand wrote of whatever kind, and lets no instance go', () => {
      fc.assert(
        fc.property(intentArbitrary, strange, (asked, { Kind, mark }) => {
          const desired = desiredOf(asked);
          const mine = written(NOTHING, diff(desired, NOTHING, OWNER).changes);
          const actual = withEntry(mine, foreign(Kind, desired.service ?? 'sub-svc', mark));
          const { changes, conflicts } = diff(desired, actual, OWNER);
          if (desired.service === undefined) return;
          expect(conflicts).to.deep.equal([]);
          const settled = written(actual, changes);
          expect(Object.values(settled.config).map(({ entry }) => entry)).to.have.deep.members(
            Object.values(desired.config),
          );
          expect(changes.every(({ op }) => op.endsWith('-config'))).to.equal(true);
        }),
      );
    });

    it('puts a mark back that was taken off the claim, as long as the status says that the name was held', () => {
      fc.assert(
        fc.property(intentArbitrary, fc.constantFrom(undefined, 'k8s/lab/shop/nobody'), (asked, mark) => {
          const named = desiredOf(asked).service ?? 'sub-svc';
          const desired = desiredOf(asked, { holds: named, rivals: [] });
          const mine = written(NOTHING, diff(desired, NOTHING, OWNER).changes);
          const actual = withEntry(mine, foreign('service-defaults', named, mark));
          const { changes, conflicts } = diff(desired, actual, OWNER);
          expect(conflicts).to.deep.equal([]);
          expect(Object.values(written(actual, changes).config).map(({ entry }) => entry)).to.have.deep.members(
            Object.values(desired.config),
          );
          expect(changes.every(({ op }) => op.endsWith('-config'))).to.equal(true);
        }),
      );
    });

    it('obeys the mark of a rival in the cluster, and puts its own back over any other: a sidecar may write it', () => {
      const asked = { spec: { protocol: 'tcp' as const, access: [], upstreams: [], service: undefined }, pods: [] };
      const rival = 'k8s/lab/other/sub-svc';
      const desired = desiredOf(asked, { holds: 'sub-svc', rivals: [rival] });
      const mine = written(NOTHING, diff(desired, NOTHING, OWNER).changes);
      const plan = (mark: string) =>
        diff(desired, withEntry(mine, foreign('service-defaults', 'sub-svc', mark)), OWNER);
      expect(plan(rival).conflicts.map(({ owner }) => owner)).to.deep.equal([rival]);
      for (const mark of ['k8s/other/shop/sub-svc', 'k8s/lab/shop/ghost', 'bridge/x/y', 'x', '']) {
        const { conflicts, changes } = plan(mark);
        expect(conflicts, mark).to.deep.equal([]);
        expect(
          changes.map(({ op }) => op),
          mark,
        ).to.deep.equal(['set-config']);
      }
    });

    it('removes what another hand wrote before it gives the name up', () => {
      const desired = desiredOf({
        spec: { protocol: 'http', access: [], upstreams: [], service: undefined },
        pods: [],
      });
      const mine = written(NOTHING, diff(desired, NOTHING, OWNER).changes);
      const actual = withEntry(mine, foreign('service-splitter', 'sub-svc', undefined));
      const gone = desiredOf({ spec: undefined, pods: [] });
      expect(written(actual, diff(gone, actual, OWNER).changes)).to.deep.equal({ node: undefined, config: {} });
    });
  });

  it('claims no name under which there is an entry of any kind already', () => {
    const desired = desiredOf({ spec: { protocol: 'http', access: [], upstreams: [], service: undefined }, pods: [] });
    for (const Kind of CONFIG_KINDS) {
      const entry: ConfigEntry = { Kind, Name: 'sub-svc', Meta: {} };
      const actual = { node: undefined, config: { [configKey(entry)]: { entry, modifyIndex: 3 } } };
      const { changes, conflicts } = diff(desired, actual, OWNER);
      expect([changes, conflicts]).to.deep.equal([[], [{ what: configKey(entry), owner: 'unmarked' }]]);
    }
  });

  it('claims no name that has instances of others, unless it held the name before', () => {
    const asked = {
      spec: { protocol: 'http' as const, access: [], upstreams: [], service: undefined },
      pods: [],
    };
    const actual = { ...NOTHING, instances: { 'sub-svc': 'db-1 on Consul node legacy' } };
    const { changes, conflicts } = diff(desiredOf(asked), actual, OWNER);
    expect([changes, conflicts]).to.deep.equal([
      [],
      [{ what: 'db-1 on Consul node legacy', owner: 'unmarked', reason: 'NameInUse' }],
    ]);
    expect(diff(desiredOf(asked, { holds: 'sub-svc' }), actual, OWNER).conflicts).to.deep.equal([]);
  });

  it('calls an entry without a mark a conflict, and says that it has none', () => {
    const desired = desiredOf({ spec: { protocol: 'tcp', access: [], upstreams: [], service: undefined }, pods: [] });
    const entry = { Kind: 'service-defaults', Name: 'sub-svc', Meta: {} } as const;
    const { conflicts } = diff(
      desired,
      { node: undefined, config: { 'service-defaults/sub-svc': { entry, modifyIndex: 3 } } },
      OWNER,
    );
    expect(conflicts).to.deep.equal([{ what: 'service-defaults/sub-svc', owner: 'unmarked' }]);
  });
});
