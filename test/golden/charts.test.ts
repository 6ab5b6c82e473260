import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { synthesize, toYaml } from '../../charts/synthesize.ts';
import { parseValues } from '../../charts/values.ts';
import type { ValuesInput } from '../../charts/values/schema.ts';

const cases: [file: string, values: ValuesInput][] = [
  ['default', {}],
  [
    'hybrid',
    {
      bridge: { enabled: true, replicas: 2, advertise: ['192.0.2.10:30443'] },
      consul: { advertise: ['192.0.2.10:30503'] },
      edge: { enabled: true },
      gateway: { enabled: true },
    },
  ],
];

/** The CRD is checked in by itself, in crds/. */
const objectsOf = (values: ValuesInput) =>
  synthesize(parseValues(values)).filter((object) => (object as { kind: string }).kind !== 'CustomResourceDefinition');

describe('The chart', () => {
  for (const [file, values] of cases) {
    it(`gives the checked-in manifests for ${file} values`, () => {
      const golden = new URL(`charts/${file}.yaml`, import.meta.url);
      const yaml = toYaml(objectsOf(values));
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, yaml);
      expect(yaml).to.equal(readFileSync(golden, 'utf8'), 'UPDATE_GOLDEN=1 rewrites it');
    });

    it(`prints YAML that reads back as the same objects for ${file} values`, () => {
      const objects = synthesize(parseValues(values));
      expect(loadAll(toYaml(objects))).to.deep.equal(JSON.parse(JSON.stringify(objects)));
    });
  }
});
