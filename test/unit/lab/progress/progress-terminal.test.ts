import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
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

  it('says on a terminal how much is left of the tasks that are expected, and nothing when they have ended', async () => {
    const seen = screen(true);
    const progress = terminalProgress(seen.stream);
    progress.expect([
      { label: 'consul 1.22.6', seconds: 264 },
      { label: 'kind cluster', seconds: 30 },
    ]);
    const task = progress.begin('consul 1.22.6');
    await eventually('the line is drawn', 5000, () => seen.text.includes('about 5 minutes left | consul 1.22.6'));
    task.done();
    seen.text = '';
    const last = progress.begin('kind cluster landbridge');
    await eventually('the line is drawn again', 5000, () => seen.text.includes('kind cluster landbridge (0 s)'));
    last.done();
    expect(seen.text).not.to.include('minutes');
  });

  it('counts the time of a task from when its own work begins', async () => {
    const seen = screen(false);
    const task = terminalProgress(seen.stream).begin('consul 1.22.6');
    const waited = performance.now() + 150;
    await eventually('it has waited', 5000, () => performance.now() > waited);
    task.startsNow();
    task.done();
    expect(seen.text).to.match(/^ +0\.0 s ok/);
  });
});
