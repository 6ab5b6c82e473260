import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { MAX_ENTRIES_LENGTH } from '../../../../mesh/traffic/entry-size.ts';
import { configEntries } from '../../../../mesh/traffic/entries.ts';
import { trafficProblems } from '../../../../mesh/traffic/problems/problems.ts';
import { aMeshService } from '../../../support/builders.ts';

type Spec = Partial<MeshServiceSpecInput>;
type Rule = NonNullable<Spec['access']>[number];

const around = { cluster: 'lab', named: () => [], joining: () => [] };
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const long = 'v'.repeat(500);
const headers = (count: number) => times(count, (at) => ({ name: `x-${at}`, exact: long }));
const values = (name: string) => Object.fromEntries(times(16, (at) => [`x-${name}-${at}`, 'v'.repeat(1000)]));
const rules = (count: number, from: (at: number) => string, more: object = {}): Rule[] =>
  times(count, (at) => ({ from: from(at), pathPrefix: `/${at}/`, ...more }));
const routes = (count: number, more: object) => times(count, (at) => ({ name: `r${at}`, path: `/old/${at}`, ...more }));

const TOO_LARGE: Record<string, Spec> = {
  'rules for everybody under each of 32 names': {
    access: [...rules(32, (at) => `c${at}`), ...rules(32, () => '*', { headers: headers(8) })],
  },
  'rules for everybody under each name, by long paths': {
    access: [...rules(32, (at) => `c${at}`), ...times(32, (at) => ({ from: '*', path: `/${long}${long}/${at}` }))],
  },
  'rules for everybody under each name, by expressions': {
    access: [...rules(40, (at) => `c${at}`), ...times(24, () => ({ from: '*', pathRegex: `/(${'a'.repeat(500)})` }))],
  },
  'routes that set long headers': { traffic: { routes: routes(32, { requestHeaders: { set: values('a') } }) } },
  'routes that are written four times each': {
    traffic: {
      retries: { on: ['5xx'] },
      routes: routes(12, { rewritePrefix: '/', responseHeaders: { add: values('a') } }),
    },
  },
};

const FITTING: Record<string, Spec> = {
  'no rule at all': {},
  'the largest list of names': { access: times(64, (at) => ({ from: `caller-${at}-${'n'.repeat(40)}` })) },
  '32 names, and 32 rules for everybody': { access: [...rules(32, (at) => `c${at}`), ...rules(32, () => '*')] },
  '64 rules with eight headers each': {
    access: rules(64, (at) => `c${at}`, { headers: times(8, (at) => ({ name: `x-${at}`, exact: 'yes' })) }),
  },
  '32 routes, each written four times, with headers': {
    traffic: {
      retries: { on: ['5xx'] },
      routes: routes(32, { rewritePrefix: '/', requestHeaders: { set: { 'x-a': long, 'x-b': long } } }),
    },
  },
  '16 parts of a split, 16 subsets': {
    traffic: {
      subsets: times(16, (at) => ({ name: `s${at}`, version: `v${at}` })),
      split: times(16, (at) => ({ weight: at === 0 ? 100 : 0, subset: `s${at}` })),
    },
  },
};

const lengthOf = (spec: Spec): number =>
  configEntries(aMeshService('web', { protocol: 'http', ...spec }), 'owner', () => undefined).reduce(
    (sum, entry) => sum + JSON.stringify(entry).length,
    0,
  );
const problems = (spec: Spec) =>
  trafficProblems(aMeshService('web', { protocol: 'http', ...spec }), around).filter(
    ({ weight }) => weight === 'refuse',
  );

describe('the size of what a MeshService makes in Consul', () => {
  for (const [what, spec] of Object.entries(TOO_LARGE))
    it(`is bounded: ${what} are refused, with the field and what to do`, () => {
      expect(lengthOf(spec)).to.be.greaterThan(MAX_ENTRIES_LENGTH);
      expect(JSON.stringify(spec).length, 'the spec itself is small').to.be.lessThan(MAX_ENTRIES_LENGTH * 2);
      const [problem, ...more] = problems(spec);
      expect(more).to.deep.equal([]);
      expect(problem!.reason).to.equal('TrafficRefused');
      const field = spec.access === undefined ? 'spec\\.traffic' : 'spec\\.access';
      expect(problem!.message).to.match(
        new RegExp(`^${field} makes \\d+ KiB in Consul, and 512 KiB is the most: .*shorter`),
      );
    });

  for (const [what, spec] of Object.entries(FITTING))
    it(`takes ${what}`, () => {
      expect(lengthOf(spec)).to.be.at.most(MAX_ENTRIES_LENGTH);
      expect(problems(spec)).to.deep.equal([]);
    });
});
