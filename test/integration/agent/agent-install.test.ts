import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { openVmFiles } from '../../../bridge/invites/vm-files.ts';
import { buildBundle } from '../../../build/build.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type App, startApp } from './agent-app.ts';
import { eventually } from './agent-machine.ts';
import { type Rig, startRig } from './agent-rig.ts';

/**
 * The line of `vm invite`, pasted into a real shell, with the real program, Node and Envoy from a real bridge on a real
 * Consul. Only systemd is missing: the test starts the installed agent itself, and the lab has the rest.
 */
describe('a machine with nothing of ours on it', function () {
  this.timeout(120_000);
  let rig: Rig;
  let app: App;
  let folder: string;
  let agent: ChildProcess | undefined;
  let env: NodeJS.ProcessEnv;

  const run = (file: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      execFile(file, args, { env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  before(async function () {
    this.timeout(600_000);
    folder = await mkdtemp(join(tmpdir(), 'landbridge-fresh-'));
    const [bundle, node, envoy] = await Promise.all([
      buildBundle(),
      ensurePart('node', silent),
      ensurePart('envoy', silent),
    ]);
    await symlink(envoy, join(folder, `envoy-linux-${process.arch}`));
    const vmFiles = openVmFiles({ folder, node: { path: node, arch: process.arch }, bundle });
    rig = await startRig({ leaseMs: 6000, vmFiles });
    rig.admit('add-svc');
    const [port = 0] = await freePorts(1);
    app = await startApp(port, 'fresh');
    env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LANDBRIDGE_PREFIX: join(folder, 'prefix'),
      LANDBRIDGE_STATE_DIR: join(folder, 'state'),
      LANDBRIDGE_CONFIG_DIR: join(folder, 'etc'),
      LANDBRIDGE_RUNTIME_DIR: join(folder, 'run'),
      LANDBRIDGE_DRAIN_MS: '100',
      LANDBRIDGE_DNS: 'off',
    };
  });
  after(async () => {
    if (agent !== undefined && agent.exitCode === null) {
      agent.kill('SIGTERM');
      await once(agent, 'exit');
    }
    await app?.stop();
    await rig?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is in the mesh with one line, and tries it in both directions', async () => {
    const words = ['--port', String(app.port), '--check', 'http:/health', '--host-name', 'fresh', '--no-systemd'];
    const [file = '', ...args] = await rig.command('add-svc', words);
    const joined = await run(file, ...args);
    expect(joined, joined.stderr).to.include({ code: 0 });
    expect(joined.stdout).to.match(/^joined add-svc at rack-1; .*agent run.*installed and joined in \d+ s/s);
    const landbridge = join(folder, 'prefix/bin/landbridge');
    agent = spawn(landbridge, ['agent', 'run'], { env, stdio: 'ignore' });
    const tried = await eventually('the mesh reaches it', 30_000, async () => {
      const { code, stdout } = await run(landbridge, 'vm', 'test');
      return code === 0 && stdout;
    });
    expect(tried).to.match(/ok {3}mesh -> add-svc-fresh-\d+: .*answers as add-svc/);
  });

  it('fetches none of it again for its next service', async () => {
    rig.admit('other');
    const [file = '', ...args] = await rig.command('other', ['--host-name', 'fresh', '--no-systemd']);
    const joined = await run(file, ...args);
    expect(joined, joined.stderr).to.include({ code: 0 });
    expect(joined.stdout).to.match(/joined other at rack-1 as other-fresh-0 .*healthy after/);
  });
});
