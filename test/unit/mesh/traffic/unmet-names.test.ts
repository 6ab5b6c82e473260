import { expect } from 'chai';
import { consulName } from '../../../../crds/mesh-service.ts';
import { type Neighbourhood, trafficProblems } from '../../../../mesh/traffic/problems.ts';
import { aMeshService } from '../../../support/builders.ts';

const all = [aMeshService('oven', { protocol: 'http' }), aMeshService('till', { protocol: 'http' })];
const around = (versions: string[] = []): Neighbourhood => ({
  cluster: 'c',
  named: (service) => all.filter((one) => consulName(one) === service),
  joining: () => [],
  names: () => all.map(consulName),
  versions: () => versions,
});
const told = (spec: Parameters<typeof aMeshService>[1], versions?: string[]): string[] =>
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

  it('leaves versions alone where machines are instances too, because their versions are unknown here', () => {
    const workloads = { external: { sites: ['rack-1'] } };
    expect(told({ workloads, traffic: { split } }, ['v1'])).to.deep.equal([]);
  });
});
