import { expect } from 'chai';
import fc from 'fast-check';
import { releaseChangelog } from '../../../release/changelog.ts';
import { compareVersions, versionProblem } from '../../../release/version.ts';

describe('the version of a release', () => {
  it('can be that of package.json as long as no tag has it, and any newer one', () => {
    expect(versionProblem('0.2.0', '0.2.0', ['v0.1.0'])).to.equal(undefined);
    expect(versionProblem('0.3.0-rc.1', '0.2.0', [])).to.equal(undefined);
    expect(versionProblem('0.2.0', '0.2.0', ['v0.2.0'])).to.equal(
      'the tag v0.2.0 is there already: give a newer version',
    );
    expect(versionProblem('0.1.9', '0.2.0', [])).to.equal('0.1.9 is older than 0.2.0 of package.json');
    for (const text of ['v0.3.0', '0.3', '0.3.0-', '1.2.3.4', '0.3.0; reboot', ''])
      expect(versionProblem(text, '0.2.0', []), text).to.match(/is no version/);
  });

  it('is ordered as Semantic Versioning orders its own examples', () => {
    const ordered =
      '1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1';
    const versions = ordered.split(' ');
    const place = fc.nat(versions.length - 1);
    fc.assert(
      fc.property(place, place, (a, b) => {
        expect(Math.sign(compareVersions(versions[a]!, versions[b]!))).to.equal(Math.sign(a - b));
      }),
    );
  });
});

describe('the changelog of a release', () => {
  const text = '# Changelog\n\nWords.\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n## 0.1.0, 2026-01-02\n\n- Old.\n';

  it('gives version and day to the section of what is not released, and leaves the rest', () => {
    const { text: after, notes } = releaseChangelog(text, '0.2.0', '2026-11-30');
    expect(after).to.equal(text.replace('## Unreleased', '## 0.2.0, 2026-11-30'));
    expect(notes).to.equal('### Added\n\n- A thing.\n');
  });

  it('takes the only section too, and one that names its version already', () => {
    const { text: after } = releaseChangelog('# C\n\n## 0.2.0, not released yet\n\n- A.\n', '0.2.0', '2026-11-30');
    expect(after).to.equal('# C\n\n## 0.2.0, 2026-11-30\n\n- A.\n');
  });

  it('is refused without such a section, and with nothing in it', () => {
    expect(() => releaseChangelog('# C\n\n## 0.1.0\n\n- A.\n', '1.0.0', '2026-11-30')).to.throw('no section');
    expect(() => releaseChangelog('# C\n\n## Unreleased\n\n## 0.1.0\n', '1.0.0', '2026-11-30')).to.throw('is empty');
  });
});
