import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { load } from 'js-yaml';
import { type VmFiles, openVmFiles } from '../../../bridge/invites/vm-files.ts';
import type { InviteAnswer } from '../../../mesh/outside/bridge-api.ts';
import { inviteText } from '../../../cli/commands/vm-invite.ts';
import type { Format } from '../../../cli/vm/invite-formats.ts';
import { INSTALL_SCRIPT, installCommand, vmFilePath } from '../../../mesh/outside/install-script.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type BridgeUnderTest, SITE, bridgeUnderTest } from './bridge-under-test.ts';

const ARCH = process.arch;
/** Stands for Node: says with what it was started, and the word that stands on its standard input. */
const NODE = `#!/bin/sh
[ "$1" = --version ] && exit
word=; [ "\${4:-}" != - ] || read -r word
echo "ran $* with $LANDBRIDGE_ENVOY\${word:+ and $word}\${NODE_OPTIONS:+, told $NODE_OPTIONS}"
case "$*" in *9999*) exit 7 ;; *--help*) exit ;; esac
[ -z "\${LANDBRIDGE_JOINED:-}" ] || : >"$LANDBRIDGE_JOINED"
`;

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
    await chmod(folder, 0o755);
    await mkdir(at('tmp'), { mode: 0o777 });
    await chmod(at('tmp'), 0o777);
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
  const paste = (
    [file, ...args]: string[],
    more: NodeJS.ProcessEnv = {},
    typed = '',
  ): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const { stdin } = execFile(file!, args, { env: { ...environment(), ...more } }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
      // A program that ends without reading closes the pipe.
      stdin!.on('error', () => undefined).end(typed);
    });
  /** Types the line of `vm invite` into a shell. */
  const type = (answer: InviteAnswer, more: NodeJS.ProcessEnv = {}, shell = ['sh'], words = ['--port', '8080']) =>
    paste(shell, more, `${textOf(answer, 'line', words).split('\n')[0]}\n`);
  const textOf = (answer: InviteAnswer, format: Format, words: string[]): string =>
    inviteText(answer, { service: 'web', site: SITE, format, words });
  const environment = (): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    LANDBRIDGE_PREFIX: at('prefix'),
    TMPDIR: at('tmp'),
  });
  /** Puts a program before those of the system. */
  const stub = async (name: string, script: string): Promise<NodeJS.ProcessEnv> => {
    await mkdir(at('stubs'), { recursive: true });
    await writeFile(join(at('stubs'), name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return { PATH: `${at('stubs')}:${process.env['PATH']}` };
  };
  /** The program that was installed, run by a user who is not root. */
  const asAnother = (prefix: string): ReturnType<typeof paste> =>
    paste([
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      join(prefix, 'bin/landbridge'),
      'agent',
      'run',
    ]);
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
      `ran ${lib}/landbridge.mjs vm join - --port 8080 --check http:/a b with ${lib}/envoy and ${answer.invite}\n`,
    );
    expect(stdout).to.match(/installed and joined in \d+ s/);
    expect(await readFile(join(lib, 'landbridge.mjs'), 'utf8')).to.equal('// the program\n');
  });

  it('says that nothing has joined when the program ended well without joining', async () => {
    const { invite, install } = await invited();
    const { code, stdout, stderr } = await paste(installCommand({ ...install!, words: [invite, '--help'] }));
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

  it('names the address that this machine does not reach, and asks for no other invite', async () => {
    const answer = await invited();
    const [port = 0] = await freePorts(1);
    const bridges = [`127.0.0.1:${port}`];
    const { code, stderr } = await paste(commandOf({ ...answer, install: { ...answer.install!, bridges } }));
    expect(code).to.equal(1);
    expect(stderr).to.include(`error: this machine does not reach the bridge at 127.0.0.1:${port}`);
    expect(stderr).not.to.include('new invite');
  });

  it('installs no file that is not the one that was promised', async () => {
    const command = commandOf(await invited());
    await writeFile(at(`envoy-linux-${ARCH}`), '#!/bin/ls\n');
    const { code, stderr } = await paste(command);
    expect(code).to.equal(1);
    expect(stderr).to.match(/envoy-linux-\w+ from 127\.0\.0\.1:\d+ is not the file that was promised/);
    expect(await readFile(at('prefix/lib/landbridge/envoy'), 'utf8').catch(() => 'none')).to.equal('none');
  });

  it('joins by the line that is typed, and by what cloud-init and Ansible are given', async () => {
    const answer = await invited();
    const ran = `and ${answer.invite}\n`;
    expect((await type(answer)).stdout).to.include(ran);
    const { runcmd } = load(textOf(answer, 'cloud-init', ['--port', '8080'])) as { runcmd: string[] };
    // cloud-init writes the strings of runcmd into a script.
    expect((await paste(['sh'], {}, `${runcmd[0]}\n`)).stdout).to.include(ran);
    const [play] = load(textOf(answer, 'ansible', ['--port', '8080'])) as {
      tasks: Record<string, { cmd: string; stdin: string }>[];
    }[];
    const { cmd, stdin } = play!.tasks[0]!['ansible.builtin.shell']!;
    expect((await paste(['sh', '-c', cmd], {}, `${stdin}\n`)).stdout).to.include(ran);
  });

  it('joins by the line for a bridge of an earlier version, whose script wants the invite as an argument', async () => {
    const answer = await invited();
    const script = '#!/bin/sh\necho "the script was given $*"\n';
    const serve = await stub('curl', `while [ "$1" != -o ]; do shift; done; cp ${at('earlier')} "$2"`);
    await writeFile(at('earlier'), script);
    const sha256 = createHash('sha256').update(script).digest('hex');
    const earlier = { ...answer, install: { bridges: answer.install!.bridges, sha256 } };
    const { stdout } = await type(earlier, serve);
    expect(stdout).to.equal(`the script was given ${answer.invite} --port 8080\n`);
    expect(await readdir(at('tmp'))).to.deep.equal([]);
  });

  it('shows the invite to no other user while it fetches', async () => {
    const answer = await invited();
    const seen = `cat /proc/[0-9]*/cmdline >>${at('seen')} 2>/dev/null; exec ${await which('curl')} "$@"`;
    const env = await stub('curl', seen);
    expect((await type(answer, env)).code).to.equal(0);
    const cmdlines = (await readFile(at('seen'), 'utf8')).split('\0');
    expect(cmdlines, 'the shell that fetches was seen').to.include('landbridge');
    expect(cmdlines).not.to.include(answer.invite);
    // As an argument, the invite is seen while the small script comes, and no longer.
    await rm(at('prefix'), { recursive: true });
    await writeFile(
      join(at('stubs'), 'curl'),
      `#!/bin/sh\ncase "$*" in *${INSTALL_SCRIPT}*) ;; *) : >${at('seen')} ;; esac\n${seen}\n`,
    );
    expect((await paste(commandOf(answer), env)).code).to.equal(0);
    expect((await readFile(at('seen'), 'utf8')).split('\0')).not.to.include(answer.invite);
  });

  for (const umask of ['022', '027', '077', '0777'])
    it(`is usable by the agent's user when root's umask is ${umask}`, async () => {
      const { code, stderr } = await type(await invited(), {}, ['sh', '-c', `umask ${umask}; exec sh`]);
      expect(code, stderr).to.equal(0);
      expect(await asAnother(at('prefix'))).to.include({ code: 0, stderr: '' });
    });

  it('mends what an earlier install has closed to the agent', async () => {
    const answer = await invited();
    await type(answer);
    for (const path of [
      '',
      'bin',
      'bin/landbridge',
      'lib',
      'lib/landbridge',
      ...['node', 'envoy', 'landbridge.mjs'].map((file) => `lib/landbridge/${file}`),
    ])
      await chmod(join(at('prefix'), path), 0o700);
    expect((await asAnother(at('prefix'))).code).not.to.equal(0);
    expect((await type(answer)).code).to.equal(0);
    expect(await asAnother(at('prefix'))).to.include({ code: 0, stderr: '' });
  });

  it('leaves no temporary file behind, whether it joins or fails', async () => {
    const answer = await invited();
    const other = { ...answer, install: { ...answer.install!, sha256: '0'.repeat(64) } };
    const away = { ...answer, install: { ...answer.install!, bridges: ['127.0.0.1:1'] } };
    const ends: [string, number, () => Promise<{ code: number }>][] = [
      ['it joins', 0, () => type(answer)],
      ['the join fails', 7, () => type(answer, {}, ['sh'], ['--port', '9999'])],
      ['the script is another', 1, () => type(other)],
      ['no bridge answers', 1, () => type(away)],
      ['there is no curl', 1, async () => type(answer, { PATH: await onlyWith('mktemp', 'rm', 'sha256sum', 'sh') })],
      ['nothing can be written', 1, () => type(answer, { LANDBRIDGE_PREFIX: '/proc/nothing' })],
      ['it is run by another user', 1, () => type(answer, {}, ['setpriv', '--reuid=65534', '--clear-groups', 'sh'])],
    ];
    for (const [what, code, end] of ends) expect((await end()).code, what).to.equal(code);
    expect(await readdir(at('tmp'))).to.deep.equal([]);
    await rm(at('prefix'), { recursive: true });
    await writeFile(at(`envoy-linux-${ARCH}`), '#!/bin/ls\n');
    expect((await type(answer)).code).to.equal(1);
    expect(await readdir(at('tmp'))).to.deep.equal([]);
    expect(await readdir(at('prefix/lib/landbridge'))).to.deep.equal(['node']);
  });

  it('goes to the bridge directly, although the environment and a .curlrc name a proxy', async () => {
    await mkdir(at('home'));
    await writeFile(join(at('home'), '.curlrc'), 'proxy = "http://127.0.0.1:1"\n');
    const proxy = 'http://127.0.0.1:1';
    const env = { http_proxy: proxy, https_proxy: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy, HOME: at('home') };
    const { code, stderr } = await type(await invited(), env);
    expect(code, stderr).to.equal(0);
  });

  it('hears the name of a tool that is missing, and the path of landbridge when PATH has no way to it', async () => {
    const answer = await invited();
    const none = await type(answer, { PATH: await onlyWith('mktemp', 'rm', 'sha256sum', 'sh') });
    expect(none.stderr).to.equal('error: curl is not on this machine: install it first\n');
    const bin = at('prefix/bin');
    expect((await type(answer)).stdout).to.include(`${bin} is not in PATH: type ${bin}/landbridge`);
    expect((await type(answer, { PATH: `${process.env['PATH']}:${bin}` })).stdout).not.to.include('not in PATH');
  });

  it('joins with the short PATH that sudo leaves, and keeps NODE_OPTIONS from our Node', async () => {
    const { code, stdout, stderr } = await type(await invited(), {
      PATH: '/usr/bin:/bin',
      NODE_OPTIONS: '--require /nowhere',
      CDPATH: '/',
      GREP_OPTIONS: '-v',
    });
    expect(code, stderr).to.equal(0);
    expect(stdout).not.to.include('told');
  });

  for (const shell of [
    ['bash', '-euo', 'pipefail'],
    ['bash', '--posix'],
    ['dash', '-u'],
  ])
    it(`is joined from ${shell.join(' ')}`, async () => {
      const { code, stdout, stderr } = await type(await invited(), {}, shell, ['--check', 'exec:it\'s $HOME "a" !x']);
      expect(code, stderr).to.equal(0);
      expect(stdout).to.include(`vm join - --check exec:it's $HOME "a" !x with`);
    });

  it('gets the program in /opt/landbridge where /usr/local cannot be written, and an error for a prefix that cannot', async () => {
    const { body } = await bridge.client().send('GET', vmFilePath(INSTALL_SCRIPT));
    const moved = String(body).replaceAll('/usr/local', '/proc/nothing').replaceAll('/opt/landbridge', at('opt'));
    await writeFile(at('moved.sh'), moved);
    const { code, stdout, stderr } = await paste(['sh', at('moved.sh'), 'lb1.x'], { LANDBRIDGE_PREFIX: '' });
    expect(code, stderr).to.equal(0);
    expect(stdout).to.include(`/proc/nothing cannot be written: landbridge goes to ${at('opt')}`);
    expect(await asAnother(at('opt'))).to.include({ code: 0, stderr: '' });
    for (const [prefix, words] of [
      ['/proc/nothing', 'nothing can be written in /proc/nothing: set LANDBRIDGE_PREFIX to another folder'],
      ['opt', 'LANDBRIDGE_PREFIX is opt: give an absolute path'],
      ['/opt/a b', 'LANDBRIDGE_PREFIX is /opt/a b: give an absolute path'],
    ] as const)
      expect((await type(await invited(), { LANDBRIDGE_PREFIX: prefix })).stderr).to.include(words);
  });

  it('labels its programs as such where SELinux is in force', async () => {
    await stub('selinuxenabled', 'exit 0');
    const env = await stub('chcon', `echo "$*" >>${at('labelled')}`);
    const { code, stderr } = await type(await invited(), env);
    expect(code, stderr).to.equal(0);
    const lib = at('prefix/lib/landbridge');
    const labelled = [`${lib}/node`, `${lib}/envoy`, `${lib}/landbridge.mjs`, at('prefix/bin/landbridge')];
    expect((await readFile(at('labelled'), 'utf8')).split('\n').slice(0, -1)).to.deep.equal(
      labelled.map((path) => `-t bin_t ${path}.new`),
    );
  });

  it('shows the error of a program that does not run there', async () => {
    await writeFile(at(`node-linux-${ARCH}`), '#!/nowhere/ld-linux.so\n');
    await bridge.stop();
    files = openVmFiles({ folder, node: { path: at(`node-linux-${ARCH}`), arch: ARCH }, bundle: undefined });
    bridge = await bridgeUnderTest('the fake', { vmFiles: files });
    bridge.admit('web');
    const { code, stderr } = await type(await invited());
    expect(code).to.equal(1);
    expect(stderr).to.match(/landbridge\/node does not run here \(.*not found.*\): it needs glibc 2\.28/);
  });

  /** A folder with these programs and nothing else. */
  const onlyWith = async (...names: string[]): Promise<string> => {
    const only = at(`only-${names.join('-')}`);
    await mkdir(only, { recursive: true });
    for (const name of names) await symlink(await which(name), join(only, name)).catch(() => {});
    return only;
  };
  const which = async (name: string): Promise<string> =>
    (await promisify(execFile)('sh', ['-c', `command -v ${name}`])).stdout.trim();

  it('gets the list of files from the bridge when it asks for another', async () => {
    const { status, body } = await bridge.client().send('GET', '/v1/vm/node-linux-riscv64');
    expect(status).to.equal(404);
    expect(body.message).to.include(`install.sh, envoy-linux-${ARCH}, landbridge.mjs, node-linux-${ARCH}`);
  });

  it('gets no file from anywhere else by any path', async () => {
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
