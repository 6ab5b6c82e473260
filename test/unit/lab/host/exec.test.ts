import { expect } from 'chai';
import { attempt, commandLine, CommandFailed, inNetns, output, run } from '../../../../lab/host/exec.ts';

describe('a command the lab runs', () => {
  it('gives what it wrote, with its input and its environment', async () => {
    const said = await output('sh', ['-c', 'cat; echo "$GREETING"; echo aside >&2'], {
      input: 'in ',
      env: { GREETING: 'hello' },
    });
    expect(said).to.equal('in hello');
  });

  it('fails with its command line, its exit code and the end of what it said', async () => {
    const failure = await run('sh', ['-c', 'seq 1 100 >&2; exit 3']).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(CommandFailed);
    const { message, result } = failure as CommandFailed;
    expect(message)
      .to.contain("sh -c 'seq 1 100 >&2; exit 3': exit code 3")
      .and.to.match(/\n99\n100$/);
    expect(message).not.to.contain('\n80\n');
    expect(result.code).to.equal(3);
  });

  it('answers 127 when it is not installed', async () => {
    expect((await attempt('landbridge-no-such-command', [])).code).to.equal(127);
    const failure = await run('landbridge-no-such-command', []).catch((error: Error) => error.message);
    expect(failure).to.contain('is not installed');
  });

  it('is stopped when its time is over', async () => {
    const failure = await run('sleep', ['60'], { timeoutMs: 50 }).catch((error: Error) => error.message);
    expect(failure).to.equal('sleep 60: stopped after 50 ms');
  });

  it('may end without reading its input', async () => {
    expect((await attempt('true', [], { input: 'x'.repeat(1_000_000) })).code).to.equal(0);
  });

  it('tells its lines as they come', async () => {
    const lines: string[] = [];
    await run('sh', ['-c', 'echo one >&2; printf "two\\nthr" >&2; echo ee >&2'], {
      onStderrLine: (line) => lines.push(line),
    });
    expect(lines).to.deep.equal(['one', 'two', 'three']);
  });

  it('enters a network namespace without losing sight of the cgroups', () => {
    expect(inNetns('/run/netns/lb-engine', 'docker', ['ps'])).to.deep.equal([
      'nsenter',
      ['--net=/run/netns/lb-engine', 'docker', 'ps'],
    ]);
    expect(inNetns(undefined, 'docker', ['ps'])).to.deep.equal(['docker', ['ps']]);
  });

  it('is shown as one would type it', () => {
    expect(commandLine('echo', ['a b', "it's", 'plain=1'])).to.equal(`echo 'a b' 'it'\\''s' plain=1`);
  });
});
