import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { GENERATED } from '../../docs/generate/main.ts';

describe('a generated file', () => {
  for (const { file, make } of GENERATED) {
    it(`${basename(fileURLToPath(file))} is what is checked in (else: npm run generate)`, () => {
      expect(readFileSync(file, 'utf8')).to.equal(make());
    });
  }
});
