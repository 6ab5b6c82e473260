import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect } from 'chai';
import { advice } from '../../../cli/advice.ts';
import { landbridgeProgram } from '../../../cli/program.ts';

const MAIN = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** A line for bash, in which `landbridge` is the real program, without a kubeconfig. */
const bash = (line: string): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', LANDBRIDGE_STATE_DIR: '/nonexistent' };
    const script = `landbridge() { ${process.execPath} --import tsx ${MAIN} "$@"; }; ${line}`;
    execFile('bash', ['-c', script], { env, cwd: ROOT }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

/** The text that a call of the program writes, within this process. */
async function said(words: string[]): Promise<string> {
  let text = '';
  const collect = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: (each) => (text += each), writeOut: (each) => (text += each) });
    command.commands.forEach(collect);
  };
  const program = landbridgeProgram();
  collect(program);
  const before = { ...process.env };
  Object.assign(process.env, { HOME: '/nonexistent', KUBECONFIG: '/nonexistent/config' });
  try {
    await program.parseAsync(words, { from: 'user' });
    return text;
  } catch (error) {
    const ofCommander = 'exitCode' in (error as object);
    return ofCommander ? text : `error: ${advice(error)}\n`;
  } finally {
    process.env = before;
    process.exitCode = 0;
  }
}

describe('the program', function () {
  this.timeout(60_000);

  it('takes --version behind a command for an option of that command', async () => {
    expect(await said(['vm', 'join', '--port', '7001', '--version', 'v1', 'abc'])).to.include('This is not an invite');
    const invite = ['vm', 'invite', 'oven', '--site', 'rack-1', '--port', '7100', '--version'];
    expect(await said([...invite, 'v1'])).to.include('cannot read the kubeconfig');
    expect(await said([...invite, 'v 1'])).to.include('--version v 1: give');
    expect(await said(['--version'])).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  it('ends quietly when whoever reads its output goes away, with the exit code of its work', async () => {
    const { stdout, stderr } = await bash('landbridge manifests | head -1; echo "${PIPESTATUS[0]}"');
    expect(stdout).to.equal('---\n0\n');
    expect(stderr).to.equal('');
    const failing = await bash('landbridge inject -f /nonexistent 2>&1 >/dev/null | true; echo "${PIPESTATUS[0]}"');
    expect(failing.stdout).to.equal('1\n');
    const closed = await bash('landbridge manifests >&-');
    expect(closed.stderr).not.to.include('    at ');
  });

  it('says that the output cannot be written when the disk is full', async () => {
    const { code, stderr } = await bash('landbridge manifests > /dev/full');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: the output cannot be written: ENOSPC[^\n]*\n$/);
  });

  const mistakes: [string, RegExp][] = [
    ['stauts', /unknown command 'stauts'\n\(Did you mean status\?\)\n\(landbridge --help lists the commands\)/],
    ['vm lst', /unknown command 'lst'\n\(Did you mean list\?\)\n\(landbridge vm --help lists the commands\)/],
    ['status --al', /unknown option '--al'[^]*\(landbridge status --help says what it takes\)/],
    ['inject', /required option '-f, --file <file>' not specified\n\(landbridge inject --help says what it takes\)/],
    ['inject -f nosuch.yaml', /^error: nosuch\.yaml cannot be read: there is no such file\n$/],
    ['inject -f https://x.example/a.yaml', /give a file, or fetch it first: curl -sSf URL/],
    ['plan -f nosuch.yaml', /^error: nosuch\.yaml cannot be read: there is no such file\n$/],
    ['manifests -f nosuch.yaml', /^error: nosuch\.yaml cannot be read: there is no such file\n$/],
    ['manifests -f package.json', /^error: The values cannot be used:\n/],
    ['vm list -o yaml', /argument 'yaml' is invalid\. Allowed choices are text, json/],
    ['vm invite x --site r --port 99999', /--port 99999: give a number from 1 to 65535/],
    ['vm invite x --site r --port 80 --check htp:/x', /--check htp:\/x: give tcp, http:PATH/],
    ['vm invite x --site r --check http:/x', /give --port too, an instance without a port has nothing to check/],
    ['vm invite x --site r --version v_1', /--version v 1: give 1 to 63 letters, digits/],
    ['vm invite x --site r --address vm.example', /--address vm\.example: give an IP address/],
    ['vm invite x --site r --host-name Vm', /Vm cannot be the name of this machine/],
    ['vm invite x --site r --ttl 2d', /--ttl 2d: give 1m to 24h/],
    ['status --kubeconfig nosuch', /cannot read the kubeconfig \(.*nosuch.*\): name one with --kubeconfig/],
  ];
  for (const [line, sentence] of mistakes)
    it(`says what to do after "landbridge ${line}"`, async () => {
      expect(await said(line.split(' ').map((word) => word.replace('_', ' ')))).to.match(sentence);
    });
});
