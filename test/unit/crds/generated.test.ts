import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { CRD_FILE, crdYaml } from '../../../crds/generate.ts';

describe('the generated CRD', () => {
  it('is what is checked in (else: npm run generate)', () => {
    expect(readFileSync(CRD_FILE, 'utf8')).to.equal(crdYaml());
  });
});
