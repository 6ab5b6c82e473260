import { expect } from 'chai';
import { grammarOf } from '../../../cli/completion/grammar.ts';
import { landbridgeProgram } from '../../../cli/program.ts';
import { manPage } from '../../../release/man-page.ts';

describe('the man page', () => {
  const program = landbridgeProgram();
  const page = manPage(program, '1.2.3', '2026-11-30');

  it('has a section for each command and each of its options', () => {
    expect(page).to.contain('.TH LANDBRIDGE 1 "2026-11-30" "landbridge 1.2.3"');
    const plain = page.replaceAll('\\-', '-');
    for (const { path, flags } of grammarOf(program).filter(({ words }) => words.length === 0)) {
      const section = plain.split(`.SS "landbridge ${path} `)[1]?.split('.SS ')[0];
      expect(section, path).to.be.a('string');
      for (const { names } of flags.filter((flag) => !flag.names.includes('--help')))
        expect(section, path).to.contain(names.at(-1));
    }
  });

  it('has no line of text that a reader of man(7) takes for a macro', () => {
    const macros = /^\.(?:\\"|TH|SH|SS|TP|B|I|BR|RI)(?: |$)/;
    for (const line of page.split('\n').filter((one) => /^[.']/.test(one))) expect(line).to.match(macros);
  });
});
