import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lacksCapabilities } from '../../../../lab/engine/capabilities.ts';
import { endProcess } from '../../../../lab/host/end-process.ts';
import { isAlive, processId, thisProcess } from '../../../../lab/host/process-id.ts';
import { ancestry } from '../../../../lab/host/state.ts';

describe('a process the lab started', () => {
  it('differs from a later process with the same pid', () => {
    const own = thisProcess();
    expect(isAlive(own)).to.equal(true);
    expect(isAlive({ ...own, started: own.started - 1 })).to.equal(false);
  });

  it('is gone when it has ended, and is not when it is only asked to', async () => {
    const stubborn = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']);
    await once(stubborn.stdout, 'data');
    const id = processId(stubborn.pid ?? 0);
    if (id === undefined) throw new Error('it did not start');
    await endProcess(id, 100);
    expect(isAlive(id)).to.equal(false);
  });

  it('is never killed for another that has its pid now', async () => {
    const own = thisProcess();
    await endProcess({ ...own, started: own.started - 1 });
    expect(isAlive(own)).to.equal(true);
  });

  it('comes from this one and whatever started this one', () => {
    expect([...ancestry(process.pid)].slice(0, 2)).to.deep.equal([process.pid, process.ppid]);
  });
});

describe('the capabilities of root', () => {
  it('lack something when a bit is missing up to the last the kernel knows', () => {
    expect(lacksCapabilities(status('000001ffffffffff'), '40\n')).to.equal(false);
    expect(lacksCapabilities(status('000001fffeffffff'), '40\n')).to.equal(true);
    expect(lacksCapabilities(status('000001ffffffffff'), '41\n')).to.equal(true);
    expect(lacksCapabilities(status('000000ffffffffff'), '39\n')).to.equal(false);
  });
});

function status(bounding: string): string {
  return `Name:\tnode\nCapEff:\t0000000000000000\nCapBnd:\t${bounding}\nCapAmb:\t0000000000000000\n`;
}
