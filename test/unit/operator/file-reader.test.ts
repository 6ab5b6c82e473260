import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fileReader } from '../../../operator/file-reader.ts';

describe('the reader of mounted files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'landbridge-files-'));
  after(() => rmSync(folder, { recursive: true }));

  it('sees a changed file within five seconds, and does not read it more often', () => {
    let nowMs = 0;
    const file = fileReader(folder, () => nowMs);
    writeFileSync(join(folder, 'token'), 'one\n');
    expect(file('token')).to.equal('one');
    writeFileSync(join(folder, 'token'), 'two\n');
    nowMs = 4999;
    expect(file('token')).to.equal('one');
    nowMs = 5000;
    expect(file('token')).to.equal('two');
  });

  it('says which file is missing', () => {
    expect(() => fileReader(folder, () => 0)('ca.crt')).to.throw(/ca\.crt/);
  });
});
