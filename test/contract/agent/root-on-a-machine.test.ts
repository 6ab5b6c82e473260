import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, link, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { readDefinitions } from '../../../agent/instances/definitions.ts';
import { machineRun } from '../../../agent/membership/machine-run.ts';
import { openState } from '../../../agent/state/state.ts';
import { addInstances } from '../../../cli/vm/definition-file.ts';
import { mustRunAs } from '../../../cli/vm/must-run-as.ts';
import { publicFile } from '../../../cli/vm/public-file.ts';

/** Stands for the agent's user. */
const AGENT = { uid: 65534, gid: 65534 };
const SECRET = 'root:$6$secret-of-root\n';
const run = promisify(execFile);

/** The agent's user owns the state of a machine, and must not become root by the commands that root runs there. */
describe("root's commands on a machine", function () {
  this.timeout(60_000);
  let folder: string;
  let state: string;
  const at = (name: string): string => join(folder, name);
  const problemOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'none',
      (error: Error) => error.message,
    );

  before(function () {
    if (process.getuid?.() !== 0) throw new Error('they are root: run this as root');
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-root-'));
    await chmod(folder, 0o755);
    state = at('state');
    await mkdir(state, { mode: 0o750 });
    await chown(state, AGENT.uid, AGENT.gid);
    await writeFile(at('shadow'), SECRET, { mode: 0o600 });
  });
  afterEach(() => rm(folder, { recursive: true }));

  for (const [what, put] of [
    ['a symbolic link to', (path: string) => symlink(at('shadow'), path)],
    ['a hard link to', (path: string) => link(at('shadow'), path)],
  ] as const)
    it(`do not read ${what} a file of root's that the agent's user has put among the state`, async () => {
      for (const file of ['host.key', 'host.crt', 'bridge-ca.crt', 'host.json', 'tokens.json'])
        await put(join(state, file));
      const held = openState(state);
      for (const read of [held.readKey, held.readIdentity, held.readHost, held.readTokens])
        expect(await problemOf(read())).to.match(/cannot be read \((ELOOP|ENOTOWN)\): it must be a plain file/);
      await held.writeIdentity({ key: 'new', certificate: 'new', bridgeCa: 'new' });
      await held.clear();
      expect(await readFile(at('shadow'), 'utf8')).to.equal(SECRET);
      expect((await stat(at('shadow'))).uid).to.equal(0);
      expect(await readdir(state)).to.deep.equal([]);
    });

  it('do not wait for a pipe among the state that nobody writes to', async () => {
    await run('mkfifo', [join(state, 'host.key')]);
    await chown(join(state, 'host.key'), AGENT.uid, AGENT.gid);
    expect(await problemOf(openState(state).readKey())).to.include('host.key cannot be read (ENOTOWN)');
    await run('mkfifo', [join(state, 'run-id')]);
    expect(await machineRun(state)).to.match(/^[0-9a-f]{12}$/);
    expect((await stat(join(state, 'run-id'))).uid, 'the agent reads it later').to.equal(AGENT.uid);
  });

  it("give no file of root's away while the agent's user puts links in the place of what they write", async () => {
    // Swaps each temporary file for a link, as fast as it can, with the rights of the agent's user.
    const script = `const fs = require('fs'); let n = 0; fs.watch('.', (event, file) => {
      if (file && file.endsWith('.tmp')) try { fs.symlinkSync(${JSON.stringify(at('shadow'))}, 'l' + n); fs.renameSync('l' + n++, file); } catch {} });
      console.log('watching');`;
    const attacker = spawn(process.execPath, ['-e', script], {
      ...AGENT,
      cwd: state,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(attacker.stdout, 'data');
      const held = openState(state);
      let links = 0;
      for (let writes = 0; writes < 60; writes++) {
        await held.writeIdentity({ bridgeCa: `PEM ${writes}${'x'.repeat(1200)}` });
        links += Number((await readdir(state)).length > 1);
      }
      expect(links, 'writes that it came between').to.be.greaterThan(0);
      const now = await stat(at('shadow'));
      expect([now.uid, now.mode & 0o777]).to.deep.equal([0, 0o600]);
      expect(await readFile(at('shadow'), 'utf8')).to.equal(SECRET);
    } finally {
      attacker.kill('SIGKILL');
      await once(attacker, 'exit');
    }
  });

  for (const umask of [0o022, 0o027, 0o077])
    it(`write for the agent and for systemd-resolved what these can read, under umask ${umask.toString(8)}`, async () => {
      const before = process.umask(umask);
      try {
        const services = at('etc/landbridge/services.d');
        const instance = { port: 8080, failures: 1, successes: 1, check: undefined };
        await addInstances(services, 'web', [instance], AGENT);
        await publicFile(at('etc/systemd/resolved.conf.d/landbridge.conf'), '[Resolve]\n');
        const seen = await run(
          'cat',
          [join(services, 'web.yaml'), at('etc/systemd/resolved.conf.d/landbridge.conf')],
          AGENT as object,
        );
        expect(seen.stdout).to.include('service: web').and.to.include('[Resolve]');
        expect((await run('ls', [services], AGENT as object)).stdout).to.equal('web.yaml\n');
      } finally {
        process.umask(before);
      }
    });

  it('mend folders and files that an earlier run has closed', async () => {
    const services = at('etc/landbridge/services.d');
    const dropIn = at('etc/resolved.conf.d/landbridge.conf');
    await mkdir(services, { recursive: true });
    await publicFile(dropIn, '[Resolve]\n');
    for (const path of [at('etc/landbridge'), services, dropIn, at('etc/resolved.conf.d')]) await chmod(path, 0o700);
    await addInstances(services, 'web', [{ port: 0, failures: 1, successes: 1, check: undefined }], AGENT);
    expect(await publicFile(dropIn, '[Resolve]\n'), 'systemd-resolved has to read it again').to.equal(true);
    expect(await publicFile(dropIn, '[Resolve]\n')).to.equal(false);
    await run('cat', [join(services, 'web.yaml'), dropIn], AGENT as object);
  });

  it('leave a folder as closed as it was made on purpose, when the agent can read it', async () => {
    const services = at('etc/landbridge/services.d');
    await mkdir(services, { recursive: true, mode: 0o750 });
    await chown(services, 0, AGENT.gid);
    await addInstances(services, 'web', [{ port: 0, failures: 1, successes: 1, check: undefined }], AGENT);
    expect((await stat(services)).mode & 0o777).to.equal(0o750);
    expect((await readDefinitions(services, new Map())).problems).to.deep.equal([]);
  });

  it('say which folder is closed to the agent before the invite is spent', async () => {
    await mkdir('/opt/landbridge-test/lib', { recursive: true });
    try {
      const program = '/opt/landbridge-test/lib/program';
      await writeFile(program, '#!/bin/sh\nid -u\n', { mode: 0o755 });
      await mustRunAs(AGENT, [[program]]);
      await chmod('/opt/landbridge-test/lib', 0o750);
      expect(await problemOf(mustRunAs(AGENT, [[program]]))).to.equal(
        '/opt/landbridge-test/lib is closed to the user landbridge, who runs the agent (its mode is 750): chmod a+rx /opt/landbridge-test/lib, then do this again.',
      );
      await chmod('/opt/landbridge-test/lib', 0o755);
      await chmod(program, 0o700);
      expect(await problemOf(mustRunAs(AGENT, [[program]]))).to.include(`${program} is closed to the user landbridge`);
      await writeFile(program, '#!/bin/sh\necho no libstdc++ >&2; exit 3\n');
      await chmod(program, 0o755);
      expect(await problemOf(mustRunAs(AGENT, [[program]]))).to.include(
        `The agent's user, landbridge, cannot run ${program}: no libstdc++`,
      );
    } finally {
      await rm('/opt/landbridge-test', { recursive: true });
    }
  });

  it("say that the agent's unit hides a program that is in a home folder or in /tmp", async () => {
    await writeFile(at('program'), '#!/bin/sh\n', { mode: 0o755 });
    expect(await problemOf(mustRunAs(AGENT, [[at('program')]]))).to.match(
      /program is in \/tmp, which the agent's unit hides from the agent: install it elsewhere, for example with LANDBRIDGE_PREFIX=/,
    );
  });
});
