import { expect } from 'chai';
import fc from 'fast-check';
import { configSteps } from '../../../../mesh/catalog/config-steps.ts';
import { type ConfigEntry, configKey, type HeldConfig } from '../../../../mesh/catalog/entry.ts';
import { equal } from '../../../../mesh/equal.ts';
import type { ConfigChange } from '../../../../mesh/catalog/plan.ts';
import { configEntries } from '../../../../mesh/traffic/entries.ts';
import { joinsOthers } from '../../../../mesh/catalog/joins.ts';
import { aMeshService } from '../../../support/builders.ts';
import { TRAFFIC_SPECS } from '../../../support/envoy/traffic-specs.ts';

type State = Record<string, ConfigEntry>;

const STATES: Record<string, State> = Object.fromEntries(
  Object.entries(TRAFFIC_SPECS).map(([what, spec]) => {
    const entries = configEntries(aMeshService('web', spec), 'me', () => undefined);
    return [what, Object.fromEntries(entries.map((entry) => [configKey(entry), entry]))];
  }),
);
const stateOf = (what: string | undefined): State => (what === undefined ? {} : STATES[what]!);
const heldAs = (state: State): Record<string, HeldConfig> =>
  Object.fromEntries(Object.entries(state).map(([key, entry], index) => [key, { entry, modifyIndex: index + 1 }]));

function step(state: State, change: ConfigChange): State {
  if (change.op === 'set-config') return { ...state, [configKey(change.entry)]: change.entry };
  const { [configKey({ Kind: change.kind, Name: change.name })]: _gone, ...rest } = state;
  return rest;
}

/** The problems of a state, by Consul's rules for one service. */
function problemOf(state: State): string | undefined {
  const [defaults, resolver, splitter, router] = ['defaults', 'resolver', 'splitter', 'router'].map(
    (kind) => state[`service-${kind}/web`],
  );
  const http = defaults !== undefined && defaults['Protocol'] !== 'tcp';
  if ((splitter ?? router) !== undefined && !http) return 'a splitter or router without http';
  if (Object.keys(state).length > 0 && defaults === undefined) return 'entries without the claim';
  const subsets = Object.keys((resolver?.['Subsets'] as object | undefined) ?? {});
  const named = JSON.stringify([splitter, router, resolver?.['Failover']]).matchAll(/"ServiceSubset":"([^"]+)"/g);
  for (const [, subset] of named) if (!subsets.includes(subset!)) return `nobody knows the subset ${subset}`;
  const permissions = JSON.stringify(state['service-intentions/web'] ?? '').includes('Permissions');
  if (permissions && !http) return 'http permissions on tcp refuse everything';
  return undefined;
}

const someSpec = fc.option(fc.constantFrom(...Object.keys(TRAFFIC_SPECS)), { nil: undefined });

describe('the steps from config entries to others', function () {
  this.timeout(20_000);
  const onTheWay = (check: (from: State, to: State, steps: ConfigChange[]) => void) =>
    fc.assert(
      fc.property(someSpec, someSpec, (from, to) =>
        check(stateOf(from), stateOf(to), configSteps(heldAs(stateOf(from)), stateOf(to))),
      ),
      { numRuns: 200 },
    );

  it('end where they should', () => {
    onTheWay((from, to, steps) => {
      expect(steps.reduce(step, from)).to.deep.equal(to);
    });
  });

  it('are empty when nothing differs', () => {
    onTheWay((from, to, steps) => {
      expect(steps.length === 0).to.equal(equal(from, to));
    });
  });

  it('pass only states that Consul takes and that serve', () => {
    onTheWay((from, _to, steps) => {
      let state = from;
      for (const change of steps) {
        state = step(state, change);
        expect(problemOf(state)).to.equal(undefined);
      }
    });
  });

  it('change the protocol only while no other service is joined', () => {
    onTheWay((from, _to, steps) => {
      let state = from;
      for (const change of steps) {
        const before = state['service-defaults/web'];
        state = step(state, change);
        const after = state['service-defaults/web'];
        if (before === undefined || after === undefined || before['Protocol'] === after['Protocol']) continue;
        const kinds = Object.fromEntries(Object.values(state).map((entry) => [entry.Kind, entry]));
        expect(joinsOthers(kinds)).to.equal(false);
      }
    });
  });

  it('can be taken back one by one: each knows what it replaced', () => {
    onTheWay((from, _to, steps) => {
      let state = from;
      for (const change of steps) {
        const key =
          change.op === 'set-config' ? configKey(change.entry) : configKey({ Kind: change.kind, Name: change.name });
        expect(change.before).to.deep.equal(state[key]);
        expect(change.modifyIndex === 0).to.equal(state[key] === undefined);
        state = step(state, change);
      }
    });
  });

  it('make the claim first and give it up last', () => {
    const claim = 'service-defaults/web';
    const to = stateOf('split');
    const first = configSteps({}, to)[0]!;
    expect(first.op === 'set-config' && configKey(first.entry)).to.equal(claim);
    const last = configSteps(heldAs(to), {}).at(-1)!;
    expect(last.op === 'delete-config' && configKey({ Kind: last.kind, Name: last.name })).to.equal(claim);
  });
});
