import { expect } from 'chai';
import { terminalProgress } from '../../../../lab/progress/progress-terminal.ts';

function screen(isTTY: boolean): { text: string; stream: NodeJS.WriteStream } {
  const seen = { text: '', stream: {} as NodeJS.WriteStream };
  seen.stream = { isTTY, columns: 80, write: (text: string) => !!(seen.text += text) } as unknown as NodeJS.WriteStream;
  return seen;
}

describe('the progress shown', () => {
  it('is one line a task when it ends, with how long it took', () => {
    const seen = screen(false);
    const progress = terminalProgress(seen.stream);
    const one = progress.begin('consul 1.22.6');
    const other = progress.begin('envoy 1.40.0');
    one.at('compiling');
    other.failed('no network');
    one.done('built');
    expect(seen.text).to.match(/^ +0\.0 s FAIL envoy 1\.40\.0: no network\n +0\.0 s ok {3}consul 1\.22\.6: built\n$/);
  });

  it('leaves no trace of the changing line on a terminal', () => {
    const seen = screen(true);
    terminalProgress(seen.stream).begin('kind cluster').done();
    expect(seen.text).to.match(/^\r\x1b\[K +0\.0 s ok {3}kind cluster\n$/);
  });
});
