import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { headOf, writeSingleFile } from '../../../release/files/single-file.ts';

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** The form of the CLI as one file, with a small script in the place of Node: `npm run test:release` has the real one. */
describe('the CLI as one file', () => {
  let folder: string;
  let file: string;
  const call = (
    words: string[],
    env: Record<string, string> = { HOME: folder },
    shell: string[] = [],
  ): Promise<Ended> => {
    const [command, ...args] = [...shell, file, ...words] as [string, ...string[]];
    return new Promise((resolve) =>
      execFile(command, args, { env: { PATH: '/usr/bin:/bin', ...env } }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      ),
    );
  };
  const unpacked = (): Promise<string[]> => readdir(join(folder, '.cache/landbridge-cli'));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-test-'));
    file = join(folder, 'landbridge');
    const node = join(folder, 'node');
    await writeFile(node, '#!/bin/sh\n[ "$1" = --version ] || printf "%s\\n" "$@" "$LANDBRIDGE_SINGLE_FILE"\n', {
      mode: 0o755,
    });
    for (const name of ['licence', 'bundle']) await writeFile(join(folder, name), name);
    await writeSingleFile(file, {
      ...{ version: '1.2.3', system: `linux-${process.arch}`, node },
      ...{ nodeLicence: join(folder, 'licence'), bundle: join(folder, 'bundle') },
    });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('unpacks itself once, for its user alone, and hands each word on', async () => {
    const { stdout, stderr, code } = await call(['vm', 'list', 'two words', '$HOME']);
    expect({ stderr, code }).to.deep.equal({ stderr: '', code: 0 });
    const [name, ...others] = await unpacked();
    expect(name).to.match(/^1\.2\.3-[0-9a-f]{16}$/);
    expect(others).to.deep.equal([]);
    const home = join(folder, '.cache/landbridge-cli', name!);
    expect(stdout.split('\n')).to.deep.equal([`${home}/landbridge.mjs`, 'vm', 'list', 'two words', '$HOME', file, '']);
    expect((await stat(join(folder, '.cache/landbridge-cli'))).mode & 0o777).to.equal(0o700);
    expect((await readdir(home)).sort()).to.deep.equal(['LICENSE.node', 'landbridge.mjs', 'node']);
    await writeFile(join(home, 'mark'), '');
    expect((await call(['x'])).code).to.equal(0);
    expect(await readdir(home)).to.include('mark');
  });

  it('starts many times at once, and one folder comes of it', async () => {
    const ended = await Promise.all(Array.from({ length: 8 }, () => call(['x'])));
    expect(ended.map(({ code, stderr }) => `${code}${stderr}`)).to.deep.equal(Array(8).fill('0'));
    expect(await unpacked()).to.have.length(1);
  });

  it('works in dash and in bash', async () => {
    for (const shell of [['dash'], ['bash', '--posix']]) expect((await call(['x'], undefined, shell)).code).to.equal(0);
  });

  it('says what to do when it is damaged, is for another system, or has no place to go', async () => {
    const whole = await readFile(file);
    await truncate(file, whole.length - 20);
    expect((await call(['x'])).stderr).to.match(/^error: .* is damaged, or .* is full: fetch it again/);
    expect(await unpacked()).to.deep.equal([]);
    await writeFile(file, Buffer.concat([Buffer.from(headOf('1.2.3-0', 'darwin-arm64')), whole.subarray(4096)]));
    expect((await call(['x'])).stderr).to.match(/^error: this file is for Darwin on arm64, and this is Linux on /);
    await writeFile(file, whole);
    expect((await call(['x'], {})).stderr).to.match(/^error: neither HOME nor XDG_CACHE_HOME is set/);
    await mkdir(join(folder, 'other'));
    expect((await call(['x'], { XDG_CACHE_HOME: join(folder, 'other') })).code).to.equal(0);
    expect(await readdir(join(folder, 'other/landbridge-cli'))).to.have.length(1);
  });
});
