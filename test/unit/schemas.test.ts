import { readFileSync, readdirSync } from 'node:fs';
import Ajv from 'ajv';
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { parseDefinition } from '../../agent/instances/definitions.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The problems that an editor shows, each with the place in the document. */
function validator(name: string): (document: unknown) => string[] {
  const validate = new Ajv({ schemaId: 'auto', allErrors: true, unknownFormats: 'ignore' }).compile(
    JSON.parse(read(`docs/schemas/${name}.json`)) as object,
  );
  return (document) =>
    validate(document) ? [] : (validate.errors ?? []).map(({ dataPath, message }) => `${dataPath}: ${message}`);
}

describe('the schemas for editors', () => {
  it('admit every MeshService of the samples, and name a field that is not there or has another type', () => {
    const problems = validator('mesh-service');
    const samples = readdirSync(new URL('../../crds/samples/', import.meta.url)).flatMap((name) =>
      (loadAll(read(`crds/samples/${name}`)) as { kind: string }[]).filter(({ kind }) => kind === 'MeshService'),
    );
    expect(samples.length).to.be.above(2);
    for (const sample of samples) expect(problems(sample), JSON.stringify(sample)).to.deep.equal([]);
    const [sample] = samples as { spec?: object }[];
    expect(problems({ ...sample, spec: { ...sample!.spec, prot: 80 } })).to.deep.equal([
      '.spec: should NOT have additional properties',
    ]);
    expect(problems({ ...sample, spec: { ...sample!.spec, port: true } }).join()).to.contain('.spec.port');
  });

  it('admit a file of values that names only what it changes, and refuse an unknown key', () => {
    const problems = validator('values');
    expect(problems({ operator: { replicas: 3 } })).to.deep.equal([]);
    expect(problems({})).to.deep.equal([]);
    expect(problems({ operator: { replica: 3 } })).to.deep.equal(['.operator: should NOT have additional properties']);
    expect(problems({ operator: { replicas: 0 } })).to.deep.equal(['.operator.replicas: should be >= 1']);
  });

  it('judge a file of services.d as the agent does', () => {
    const problems = validator('service');
    const good = { service: 'db', instances: [{ port: 5432, check: { type: 'tcp' } }] };
    const bad = [
      { ...good, instance: [] },
      { service: 'db' },
      { service: 'Db_', instances: good.instances },
      { service: 'db', instances: [{ port: '5432' }] },
    ];
    expect(problems(good)).to.deep.equal([]);
    expect(parseDefinition('db.yaml', JSON.stringify(good))).to.have.property('definition');
    for (const one of bad) {
      expect(problems(one), JSON.stringify(one)).not.to.deep.equal([]);
      expect(parseDefinition('db.yaml', JSON.stringify(one)), JSON.stringify(one)).to.have.property('problems');
    }
  });
});
