import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { variableFile, writeVariableFiles } from '../../../../agent/instances/variable-files.ts';

const plan = (service: string, variables: Record<string, string>) => ({
  service,
  protocol: 'http' as const,
  upstreams: Object.entries(variables).map(([name, value]) => ({
    service: name.toLowerCase(),
    localPort: 1,
    variable: { name, value },
  })),
});

describe('the files with the variables of upstreams', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'landbridge-variables-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('hold a line a variable, and go with their service; other files stay', async () => {
    await writeFile(join(folder, 'drains.json'), '{}');
    await writeVariableFiles(folder, [plan('web', { DB_ADDR: 'localhost:1', B_ADDR: 'http://localhost:1' })]);
    expect((await readFile(variableFile(folder, 'web'), 'utf8')).split('\n').slice(1)).to.deep.equal([
      'DB_ADDR=localhost:1',
      'B_ADDR=http://localhost:1',
      '',
    ]);
    await writeVariableFiles(folder, [plan('other', {})]);
    expect((await readdir(folder)).sort()).to.deep.equal(['drains.json', 'other.env']);
  });
});
