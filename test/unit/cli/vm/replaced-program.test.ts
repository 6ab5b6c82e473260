import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { programDigest } from '../../../../agent/machine/program-digest.ts';
import { replaceAgent } from '../../../../cli/vm/replaced-program.ts';

describe('a join by another program than the one that the agent runs', () => {
  const joined = async (running: { program?: string } | undefined, systemd = true): Promise<string[]> => {
    const done: string[] = [];
    await replaceAgent(
      {
        status: () => (running === undefined ? Promise.reject(new Error('no agent')) : Promise.resolve(running)),
        restart: systemd ? async () => void done.push('restart') : undefined,
        say: (line) => void done.push(line.split(':')[1]!.trim()),
      },
      'new',
    );
    return done;
  };

  it('restarts the agent, and says so before', async () => {
    expect(await joined({ program: 'old' })).to.deep.equal(['it drains and is started again', 'restart']);
  });

  it('restarts an agent that is too old to say which program it runs', async () => {
    expect(await joined({})).to.include('restart');
  });

  it('leaves an agent of the same program, and none that runs, as they are', async () => {
    expect(await joined({ program: 'new' })).to.deep.equal([]);
    expect(await joined(undefined)).to.deep.equal([]);
  });

  it('says how to go on where the agent was started by hand', async () => {
    expect(await joined({ program: 'old' }, false)).to.deep.equal(['end it, and start it again']);
  });

  it('tells programs apart by their content, also behind a link', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landbridge-program-'));
    const [file, link] = [join(folder, 'program.mjs'), join(folder, 'link')];
    await writeFile(file, 'one');
    await symlink(file, link);
    const one = programDigest(file);
    expect(one).to.match(/^[0-9a-f]{12}$/);
    expect(programDigest(link)).to.equal(one);
    await writeFile(file, 'two');
    expect(programDigest(file)).not.to.equal(one);
    expect(programDigest(join(folder, 'nothing'))).to.equal(undefined);
    await rm(folder, { recursive: true });
  });
});
