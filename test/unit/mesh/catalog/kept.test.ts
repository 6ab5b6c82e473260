import { expect } from 'chai';
import fc from 'fast-check';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { diff } from '../../../../mesh/catalog/diff.ts';
import { type ActualState, configKey, OWNER_META } from '../../../../mesh/catalog/entry.ts';
import { desiredState } from '../../../../mesh/service/desired.ts';
import type { Change } from '../../../../mesh/catalog/plan.ts';
import type { TrafficProblem } from '../../../../mesh/traffic/problems/problem.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';

const OWNER = 'k8s/lab/shop/web';
const MISSING: TrafficProblem = { weight: 'wait', reason: 'ReferenceMissing', message: 'backup is missing' };
const FAILOVER: Partial<MeshServiceSpecInput> = { traffic: { failover: [{ from: '*', to: ['service:backup'] }] } };

const desiredOf = (spec: Partial<MeshServiceSpecInput>, problems: TrafficProblem[] = []) =>
  desiredState({
    cluster: 'lab',
    namespace: 'shop',
    name: 'web',
    meshService: aMeshService('web', spec),
    pods: [],
    formerServices: [],
    holds: 'web',
    problems,
  });

type Source = { Name: string; Action?: string; Permissions?: unknown };

const letsIn = ({ Action }: Source): boolean => Action !== 'deny';

/** The state of Consul after a walk of a MeshService that was in order. */
function heldOf(spec: Partial<MeshServiceSpecInput>): ActualState {
  const { node, config } = desiredOf(spec);
  const entries = Object.values(config).map((entry, index) => [configKey(entry), { entry, modifyIndex: index + 1 }]);
  return { node, config: Object.fromEntries(entries) };
}

const written = (changes: Change[]): string[] =>
  changes.map((change) => {
    if (change.op === 'set-config') return `set ${change.entry.Kind}`;
    return change.op === 'delete-config' ? `delete ${change.kind}` : change.op;
  });

const letInBy = (changes: Change[]): string[] =>
  changes.flatMap((change) =>
    change.op === 'set-config' && change.entry.Kind === 'service-intentions'
      ? (change.entry['Sources'] as Source[]).filter(letsIn).map(({ Name }) => Name)
      : [],
  );

describe('a MeshService that asks for what cannot be served', () => {
  const access = [{ from: 'frontend' }, { from: 'evil' }];

  it('takes back the access that it takes back, and leaves all else as it was', () => {
    const held = heldOf({ protocol: 'http', access });
    const { changes } = diff(
      desiredOf({ ...FAILOVER, protocol: 'http', access: [access[0]!] }, [MISSING]),
      held,
      OWNER,
    );
    expect([written(changes), letInBy(changes)]).to.deep.equal([['set service-intentions'], ['frontend']]);
  });

  it('lets nobody in when nobody is asked for', () => {
    const { changes } = diff(desiredOf({ ...FAILOVER, access: [] }, [MISSING]), heldOf({ access }), OWNER);
    expect([written(changes), letInBy(changes)]).to.deep.equal([['set service-intentions'], []]);
  });

  it('allows no caller that it does not name, from any earlier state and protocol', () => {
    const rules = fc.subarray([
      { from: 'frontend' },
      { from: 'edge', path: '/a' },
      { from: 'evil' },
      { from: '*', methods: ['GET' as const] },
    ]);
    const protocol = fc.constantFrom('tcp' as const, 'http' as const);
    fc.assert(
      fc.property(protocol, rules, rules, (held, before, now) => {
        const possible = held === 'tcp' ? before.filter((rule) => Object.keys(rule).length === 1) : before;
        const actual = heldOf({ protocol: held, access: possible });
        const desired = desiredOf({ ...FAILOVER, protocol: 'http', access: now }, [MISSING]);
        const { changes } = diff(desired, actual, OWNER);
        const last = changes.findLast((change) => 'entry' in change || change.op === 'delete-config');
        const intentions =
          last === undefined
            ? actual.config['service-intentions/web']?.entry
            : last.op === 'set-config'
              ? last.entry
              : undefined;
        const sources = (intentions?.['Sources'] ?? []) as Source[];
        const open = sources.filter(letsIn);
        const asked = now.map(({ from }) => from);
        expect(open.every(({ Name }) => asked.includes(Name))).to.equal(true);
        // Without a source for everybody, a rule of another hand for all services would count.
        if (last !== undefined) expect(sources.map(({ Name }) => Name)).to.include('*');
        // Consul refuses rules by path where the protocol has none.
        if (held === 'tcp') expect(sources.every(({ Permissions }) => Permissions === undefined)).to.equal(true);
        else expect(open.map(({ Name }) => Name)).to.have.members([...new Set(asked)]);
      }),
    );
  });

  it('stays under its name with all instances when it asks for another at the same time', () => {
    const desiredAs = (service: string, problems: TrafficProblem[]) =>
      desiredState({
        cluster: 'lab',
        namespace: 'shop',
        name: 'web',
        meshService: aMeshService('web', { ...FAILOVER, protocol: 'http', service, access }),
        pods: [aPodFacts('web-1', { labels: { app: 'web' } })],
        formerServices: ['web'],
        holds: 'web',
        problems,
      });
    const before = desiredAs('web', []);
    const held = Object.values(before.config).map((entry, index) => [
      configKey(entry),
      { entry, modifyIndex: index + 1 },
    ]);
    const blocked = desiredAs('payments', [MISSING]);
    expect(diff(blocked, { node: before.node, config: Object.fromEntries(held) }, OWNER).changes).to.deep.equal([]);
    expect(blocked.service, 'which the token is for').to.equal('web');
  });

  it('gives up what joins it to services of others that it stands in the way of', () => {
    const spec: Partial<MeshServiceSpecInput> = {
      protocol: 'http',
      traffic: { routes: [{ name: 'pay', pathPrefix: '/pay', service: 'payments' }] },
    };
    const refused: TrafficProblem = { weight: 'refuse', reason: 'TrafficRefused', message: 'differs', withdraws: true };
    const { changes } = diff(desiredOf(spec, [refused]), heldOf(spec), OWNER);
    expect(written(changes)).to.deep.equal(['delete service-router']);
  });

  it('keeps nothing that another hand wrote meanwhile, and puts the mark of the claim back', () => {
    const held = heldOf({ protocol: 'http', access });
    const { Meta: _mark, ...claim } = held.config['service-defaults/web']!.entry;
    const config = {
      ...held.config,
      'service-defaults/web': { entry: { ...claim, Meta: {} } as never, modifyIndex: 20 },
      'service-splitter/web': {
        entry: { Kind: 'service-splitter' as const, Name: 'web', Meta: {}, Splits: [{ Weight: 100, Service: 'evil' }] },
        modifyIndex: 21,
      },
    };
    const { changes, conflicts } = diff(
      desiredOf({ ...FAILOVER, protocol: 'http', access }, [MISSING]),
      { ...held, config },
      OWNER,
    );
    expect(conflicts).to.deep.equal([]);
    expect(written(changes)).to.deep.equal(['set service-defaults', 'delete service-splitter']);
    const [restored] = changes;
    expect(restored?.op === 'set-config' && restored.entry.Meta).to.deep.equal({ [OWNER_META]: OWNER });
  });
});
