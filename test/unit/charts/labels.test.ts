import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { synthesize, type SynthesizeOptions } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import { VERSION_OF_PRODUCT } from '../../../mesh/installation/version.ts';
import { everything, type Manifest, podMakers } from './objects.ts';

const RECOMMENDED = ['name', 'instance', 'version', 'part-of', 'managed-by'].map((one) => `app.kubernetes.io/${one}`);

describe('the labels of the chart', () => {
  const made = (options: SynthesizeOptions = {}): Manifest[] =>
    synthesize(parseValues(everything), { hooks: true, ...options }) as Manifest[];
  const idOf = ({ kind, metadata }: Manifest): string =>
    `${kind} ${metadata.namespace ?? ''}/${metadata.name.replace(/(bootstrap)-[0-9a-f]{10}$/, '$1')}`;
  const byId = (objects: Manifest[]): Map<string, Manifest> => new Map(objects.map((one) => [idOf(one), one]));

  it('are the recommended ones, on every object', () => {
    for (const object of made()) {
      expect(object.metadata.labels, idOf(object)).to.include.keys(RECOMMENDED);
      expect(object.metadata.labels!['app.kubernetes.io/version']).to.equal(VERSION_OF_PRODUCT);
      expect(object.metadata.labels!['app.kubernetes.io/managed-by']).to.equal('landbridge');
    }
  });

  it('name the Helm release, where it is one', () => {
    for (const object of made({ release: { service: 'Helm', name: 'mesh', namespace: 'ops' } })) {
      expect(object.metadata.labels!['app.kubernetes.io/managed-by'], idOf(object)).to.equal('Helm');
      expect(object.metadata.labels!['app.kubernetes.io/instance'], idOf(object)).to.equal('mesh');
    }
  });

  /** The fields that the API server refuses to change, for each kind that has such fields. */
  const immutable = ({ kind, spec, roleRef }: Manifest): unknown => {
    if (kind === 'StatefulSet')
      return [spec.selector, spec.serviceName, spec.podManagementPolicy, spec.volumeClaimTemplates];
    if (kind === 'Deployment') return spec.selector;
    return kind.endsWith('RoleBinding') ? roleRef : undefined;
  };

  for (const [what, options] of [
    ['another version', { version: '9.9.9' }],
    ['another release name', { release: { service: 'Helm', name: 'mesh' } }],
  ] as const) {
    it(`change nothing that cannot be changed, nor what a Service or a budget selects: with ${what}`, () => {
      const [before, after] = [byId(made()), byId(made(options))];
      expect([...after.keys()]).to.deep.equal([...before.keys()]);
      for (const [id, object] of before) {
        expect(immutable(after.get(id)!), id).to.deep.equal(immutable(object));
        expect(after.get(id)!['spec']?.selector, id).to.deep.equal(object['spec']?.selector);
      }
    });
  }

  const replaced = (options: SynthesizeOptions): string[] => {
    const after = byId(made(options));
    const templateOf = ({ spec }: Manifest): string => JSON.stringify(spec.template);
    return podMakers(made())
      .filter(({ maker }) => templateOf(after.get(idOf(maker))!) !== templateOf(maker))
      .map(({ maker }) => `${maker.kind} ${maker.metadata.labels!['app.kubernetes.io/component']}`);
  };

  it('have a new version replace the pods that run our program, and neither Consul nor a gateway', () => {
    const names = new Set(replaced({ version: '9.9.9' }));
    expect([...names]).to.have.members([
      'Job bootstrap',
      'Deployment operator',
      'Deployment bridge',
      'Job removal',
      'Job upgrade',
    ]);
  });

  it('have nothing replaced by who manages it', () => {
    expect(replaced({ release: { service: 'Helm', name: 'mesh' } })).to.deep.equal([]);
  });

  it('have the version of package.json', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(version).to.equal(VERSION_OF_PRODUCT);
  });
});
