import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { runStage } from '../run-stage.ts';
import { eventually } from '../support/eventually.ts';

const state = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0]!;
  } catch {
    return 'gone';
  }
};
const isOver = (pid: number): Promise<true> =>
  eventually(`process ${pid} ends`, 10_000, () =>
    ['gone', 'Z'].includes(state(pid)) ? Promise.resolve(true as const) : Promise.reject(new Error(state(pid))),
  );

describe('a stage of the tests', () => {
  it('gives the exit code and the output of its command', async () => {
    expect(await runStage(['sh', '-c', 'echo said; exit 3'], { limitMs: 5000 }).ended).to.deep.equal({
      code: 3,
      output: 'said\n',
    });
  });

  it('is over when its time is, with what it started, also when that does not listen', async () => {
    const stubborn = "trap '' TERM; sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & echo $!; wait; wait";
    const { code, output } = await runStage(['sh', '-c', stubborn], { limitMs: 200, graceMs: 200 }).ended;
    expect(code).to.equal(124);
    await isOver(Number(output.split('\n')[0]));
  });

  it('ends at once when it is stopped and listens', async () => {
    const stage = runStage(['sleep', '60'], { limitMs: 60_000 });
    stage.stop();
    expect((await stage.ended).code).to.equal(1);
  });

  it('is not waited for when its work is done and it does not end', async () => {
    const limits = { limitMs: 60_000, done: /^all is over$/m, lingerMs: 200 };
    const { code, output } = await runStage(['sh', '-c', 'echo "all is over"; exec sleep 60'], limits).ended;
    expect({ code, output }).to.deep.equal({ code: 124, output: 'all is over\n' });
  });

  it('counts as failed when its command is not there', async () => {
    expect((await runStage(['there-is-no-such-command'], { limitMs: 5000 }).ended).code).to.equal(127);
  });
});
