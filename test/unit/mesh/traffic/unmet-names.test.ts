import { expect } from 'chai';
import { consulName } from '../../../../crds/mesh-service.ts';
import { trafficProblems } from '../../../../mesh/traffic/problems/problems.ts';
import type { Neighbourhood } from '../../../../mesh/traffic/problems/problem.ts';
import { withoutSuggestions } from '../../../../mesh/traffic/problems/suggestions.ts';
import { aMeshService } from '../../../support/builders.ts';

const all = [aMeshService('oven', { protocol: 'http' }), aMeshService('till', { protocol: 'http' })];
const around = (versions: (string | undefined)[] = []): Neighbourhood => ({
  cluster: 'c',
  named: (service) => all.filter((one) => consulName(one) === service),
  joining: () => [],
  names: () => all.map(consulName),
  versions: () => versions,
});
const told = (spec: Parameters<typeof aMeshService>[1], versions?: (string | undefined)[]): string[] =>
  trafficProblems(aMeshService('web', { protocol: 'http', ...spec }), around(versions))
    .filter(({ reason }) => reason === 'NameUnmet')
    .map(({ weight, message }) => `${weight}: ${message}`);
const split = [
  { subset: 'version:v1', weight: 90 },
  { subset: 'version:v3', weight: 10 },
];

describe('the warning of a name that nobody answers to', () => {
  it('names an upstream, and the near name', () => {
    expect(told({ upstreams: [{ service: 'ofen', localPort: 9001 }] })).to.deep.equal([
      'warn: no MeshService has the name "ofen", which spec.upstreams gives: calls to it fail until there is one; did you mean "oven"?',
    ]);
  });

  it('names a caller, but neither everybody nor a gateway nor the service itself', () => {
    expect(told({ access: ['*', 'landbridge-edge', 'web', 'oven', 'tilll'].map((from) => ({ from })) })).to.deep.equal([
      'warn: no MeshService has the name "tilll", which spec.access lets in; did you mean "till"?',
    ]);
  });

  it('names a version that no pod has, and waits until there are pods', () => {
    expect(told({ traffic: { split } }, ['v1', 'v2', 'v1'])).to.deep.equal([
      'warn: no pod has the version "v3", which spec.traffic names (they have v1, v2): requests that go there get 503; did you mean "v1"?',
    ]);
    expect(told({ traffic: { split } }, [])).to.deep.equal([]);
    expect(told({ traffic: { split } }, ['v1', 'v3'])).to.deep.equal([]);
  });

  it('names a version where pods have no version at all', () => {
    const [first, second] = split.map(
      ({ subset }) =>
        `warn: no pod has the version "${subset.slice('version:'.length)}", which spec.traffic names (none has the label app.kubernetes.io/version or version): requests that go there get 503`,
    );
    expect(told({ traffic: { split } }, [undefined, undefined])).to.deep.equal([first, second]);
  });

  it('leaves versions alone where machines are instances too, because their versions are unknown here', () => {
    const workloads = { external: { sites: ['rack-1'] } };
    expect(told({ workloads, traffic: { split } }, ['v1'])).to.deep.equal([]);
  });

  describe('among 5000 MeshServices', () => {
    /** Counts how often all names are asked for, and how many of them are looked at. */
    const crowd = () => {
      const counts = { asked: 0, taken: 0 };
      const names = function* () {
        counts.asked += 1;
        for (let i = 0; i < 5000; i += 1) {
          counts.taken += 1;
          yield `service-${i}`;
        }
      };
      const neighbourhood: Neighbourhood = { cluster: 'c', named: () => [], joining: () => [], names };
      return { counts, neighbourhood };
    };
    const upstreams = Array.from({ length: 64 }, (_, i) => ({ service: `servic-${i}`, localPort: 9000 + i }));
    const web = aMeshService('web', {
      protocol: 'http',
      upstreams,
      access: [{ from: 'servise-1' }],
      traffic: { routes: [{ name: 'r', path: '/r', service: 'servixe-2' }] },
    });
    const unmet = (neighbourhood: Neighbourhood): string[] =>
      trafficProblems(web, neighbourhood).map(({ message }) => message);

    it('suggests a name for the first three of an object alone, and asks for all names once', () => {
      const { counts, neighbourhood } = crowd();
      const messages = unmet(neighbourhood);
      expect(messages.length).to.equal(66);
      expect(messages.filter((each) => each.includes('did you mean')).length).to.equal(3);
      expect(messages[0]).to.contain('"servixe-2"').and.to.contain('did you mean "service-2"?');
      expect(counts).to.deep.equal({ asked: 1, taken: 5000 });
    });

    it('says the same without suggestions in a walk of the operator, and looks at no name', () => {
      const { counts, neighbourhood } = crowd();
      const plain = unmet(neighbourhood).map((each) => each.replace(/; did you mean.*$/, ''));
      counts.asked = counts.taken = 0;
      expect(unmet(withoutSuggestions(neighbourhood))).to.deep.equal(plain);
      expect(counts).to.deep.equal({ asked: 0, taken: 0 });
    });
  });
});
