import { type ChildProcess, spawn } from 'node:child_process';
import { expect } from 'chai';
import { labMark, markedProcesses, marker } from '../../../../lab/host/state.ts';

describe('the processes of a lab', () => {
  const started: ChildProcess[] = [];
  afterEach(() => started.splice(0).forEach((child) => child.kill('SIGKILL')));
  const start = async (mark: string): Promise<number> => {
    const child = spawn('sleep', ['60'], { env: { ...process.env, [marker]: mark } });
    started.push(child);
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    return child.pid!;
  };
  const found = (): number[] => markedProcesses().map(({ id }) => id.pid);

  it('are the processes that carry its mark, started by anybody', async () => {
    const pid = await start(labMark);
    expect(found()).to.include(pid);
  });

  it('are not those of a lab whose state folder has the same name on another file system', async () => {
    const pid = await start(labMark.replace(/\d+$/, (device) => `${Number(device) + 1}`));
    expect(found()).not.to.include(pid);
  });
});
