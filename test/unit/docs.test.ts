import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { afterChecks } from '../../cli/check/after.ts';
import { beforeChecks } from '../../cli/check/before.ts';
import { REASONS } from '../../crds/reasons.ts';

const text = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
/** As GitHub makes anchors of headings. */
const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
  heading!
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-'),
);

describe('docs/troubleshooting.md', () => {
  for (const reason of Object.keys(REASONS)) {
    it(`has a heading for the reason ${reason}`, () => expect(anchors).to.include(reason.toLowerCase()));
  }
  for (const { name, hint } of [...beforeChecks(true), ...afterChecks]) {
    it(`has the heading that the check "${name}" points to`, () => expect(anchors).to.include(hint));
  }
});
