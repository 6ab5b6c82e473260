import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type VmFiles, openVmFiles } from '../../bridge/vm-files.ts';
import type { InviteAnswer } from '../../mesh/bridge-api.ts';
import { installCommand } from '../../mesh/install-script.ts';
import { type BridgeUnderTest, SITE, bridgeUnderTest } from './bridge-under-test.ts';

const ARCH = process.arch;
/** Stands for Node: says with what it was started. */
const NODE =
  '#!/bin/sh\n[ "$1" = --version ] && exit\necho "ran $* with $LANDBRIDGE_ENVOY"\n[ "$4" = --help ] || : >"$LANDBRIDGE_JOINED"\n';

/** A real bridge, and a real shell with curl that pastes the line. Only what the line installs does less. */
describe('a machine with nothing but a shell and curl', function () {
  this.timeout(60_000);
  let bridge: BridgeUnderTest;
  let folder: string;
  let files: VmFiles;
  const at = (name: string): string => join(folder, name);

  before(function () {
    if (process.getuid?.() !== 0) throw new Error('the script installs for root: run this as root');
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-install-'));
    for (const [name, text] of [
      [`node-linux-${ARCH}`, NODE],
      [`envoy-linux-${ARCH}`, '#!/bin/sh\n'],
      ['landbridge.mjs', '// the program\n'],
    ] as const)
      await writeFile(at(name), text);
    files = openVmFiles({ folder, node: { path: at(`node-linux-${ARCH}`), arch: ARCH }, bundle: undefined });
    bridge = await bridgeUnderTest('the fake', { vmFiles: files });
    bridge.admit('web');
  });
  afterEach(async () => {
    await bridge.stop();
    await rm(folder, { recursive: true });
  });

  const invited = (): Promise<InviteAnswer> =>
    bridge.ask<InviteAnswer>('POST', '/v1/invites', { service: 'web', site: SITE, ttlSeconds: 900 });
  const paste = ([file, ...args]: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const env = { PATH: process.env['PATH'], LANDBRIDGE_PREFIX: at('prefix') };
      execFile(file!, args, { env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  const commandOf = ({ invite, install }: InviteAnswer): string[] =>
    installCommand({ ...install!, words: [invite, '--port', '8080', '--check', 'http:/a b'] });
  const requests = async (): Promise<number> => {
    const { values } = await bridge.running.bridge.metrics.requestSeconds.get();
    const count = values.find(
      ({ metricName, labels }) => metricName?.endsWith('_count') && labels.route === '/v1/vm/:name',
    );
    return count?.value ?? 0;
  };

  it('fetches program, Node and Envoy from the bridge, and joins with the flags of the line', async () => {
    const answer = await invited();
    const { code, stdout, stderr } = await paste(commandOf(answer));
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    const lib = at('prefix/lib/landbridge');
    expect(stdout).to.include(
      `ran ${lib}/landbridge.mjs vm join ${answer.invite} --port 8080 --check http:/a b with ${lib}/envoy\n`,
    );
    expect(stdout).to.match(/installed and joined in \d+ s/);
    expect(await readFile(join(lib, 'landbridge.mjs'), 'utf8')).to.equal('// the program\n');
  });

  it('says that nothing has joined when the program ended well without joining', async () => {
    const { install } = await invited();
    const { code, stdout, stderr } = await paste(installCommand({ ...install!, words: ['--help'] }));
    expect(code).to.equal(1);
    expect(stdout).not.to.include('joined in');
    expect(stderr).to.include('ended without joining');
  });

  it('fetches nothing again that is there and right', async () => {
    const command = commandOf(await invited());
    await paste(command);
    const first = await requests();
    await paste(command);
    expect([first, (await requests()) - first]).to.deep.equal([4, 1]);
  });

  it('runs nothing when the script is not the one that the line names', async () => {
    const answer = await invited();
    const other = { ...answer, install: { ...answer.install!, sha256: '0'.repeat(64) } };
    const { code, stdout, stderr } = await paste(commandOf(other));
    expect(code).to.equal(1);
    expect(stdout).to.equal('');
    expect(stderr).to.include('no bridge served the script that this line names: make a new invite');
  });

  it('installs no file that is not the one that was promised', async () => {
    const command = commandOf(await invited());
    await writeFile(at(`envoy-linux-${ARCH}`), '#!/bin/ls\n');
    const { code, stderr } = await paste(command);
    expect(code).to.equal(1);
    expect(stderr).to.match(/envoy-linux-\w+ from 127\.0\.0\.1:\d+ is not the file that was promised/);
    expect(await readFile(at('prefix/lib/landbridge/envoy'), 'utf8').catch(() => 'none')).to.equal('none');
  });

  it('is told by the bridge which files there are, when it asks for another', async () => {
    const { status, body } = await bridge.client().send('GET', '/v1/vm/node-linux-riscv64');
    expect(status).to.equal(404);
    expect(body.message).to.include(`install.sh, envoy-linux-${ARCH}, landbridge.mjs, node-linux-${ARCH}`);
  });

  it('gets no file from anywhere else, whatever it asks for', async () => {
    for (const name of ['..%2f..%2fetc%2fpasswd', '%2e%2e', '.', 'install.sh%00', 'node-linux-x64%2f..'])
      expect((await bridge.client().send('GET', `/v1/vm/${name}`)).status, name).to.equal(404);
  });

  it('is given the program that is installed there when the bridge serves no files', async () => {
    const bare = await bridgeUnderTest('the fake');
    bare.admit('web');
    const answer = await bare.ask<InviteAnswer>('POST', '/v1/invites', { service: 'web', site: SITE, ttlSeconds: 900 });
    await bare.stop();
    expect(answer.install).to.equal(undefined);
  });
});

describe('the files for machines', () => {
  it('are served only for an architecture of which there are both Node and Envoy', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landbridge-files-'));
    const list = async (): Promise<string[]> => {
      const node = { path: join(folder, 'landbridge.mjs'), arch: 'x64' };
      return (await openVmFiles({ folder, node, bundle: undefined }).list()).map(({ name }) => name);
    };
    expect(await list()).to.deep.equal([]);
    await writeFile(join(folder, 'landbridge.mjs'), '');
    await writeFile(join(folder, 'envoy-linux-arm64'), '');
    expect(await list()).to.deep.equal([]);
    await writeFile(join(folder, 'envoy-linux-x64'), '');
    expect(await list()).to.deep.equal(['envoy-linux-x64', 'landbridge.mjs', 'node-linux-x64']);
    await rm(folder, { recursive: true });
  });
});
