import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianRelease } from '../../../../lab/host/debian-release.ts';

describe('the release of the host', () => {
  let etc: string;
  beforeEach(() => {
    etc = mkdtempSync(join(tmpdir(), 'landbridge-etc-'));
    mkdirSync(join(etc, 'apt', 'sources.list.d'), { recursive: true });
  });
  afterEach(() => rmSync(etc, { recursive: true }));

  it('gives the suite and the distribution’s own sources, without those of third parties', () => {
    writeFileSync(
      join(etc, 'os-release'),
      'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_CODENAME="bookworm"\n',
    );
    for (const name of ['debian.sources', 'docker.sources', 'nodesource.list'])
      writeFileSync(join(etc, 'apt/sources.list.d', name), 'Types: deb\n');
    expect(debianRelease(etc)).to.deep.equal({
      id: 'debian',
      codename: 'bookworm',
      sources: [join(etc, 'apt/sources.list.d/debian.sources')],
    });
  });

  it('takes the old list of sources too, unless all of it is commented out', () => {
    writeFileSync(join(etc, 'os-release'), 'ID=ubuntu\nVERSION_CODENAME=jammy\n');
    const list = join(etc, 'apt/sources.list');
    writeFileSync(list, '# moved to ubuntu.sources\n');
    expect(debianRelease(etc).sources).to.deep.equal([]);
    writeFileSync(list, '# main\ndeb mirror://example jammy main\n');
    expect(debianRelease(etc).sources).to.deep.equal([list]);
  });

  it('is unknown where nothing says', () => {
    expect(debianRelease(etc)).to.deep.equal({ id: 'unknown', codename: 'unknown', sources: [] });
  });
});
