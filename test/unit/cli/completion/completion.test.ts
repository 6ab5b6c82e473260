import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { bashScript } from '../../../../cli/completion/bash.ts';
import { grammarOf } from '../../../../cli/completion/grammar.ts';
import { COMPLETIONS } from '../../../../cli/commands/completion.ts';
import { landbridgeProgram } from '../../../../cli/program.ts';

const nodes = grammarOf(landbridgeProgram());

/** The offers of a real bash for the last of the words. Each is one word for bash. */
function offered(...words: string[]): string[] {
  const script = `${bashScript(nodes)}
COMP_WORDS=(landbridge "$@"); COMP_CWORD=$#; _landbridge; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const said = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], { encoding: 'utf8' });
  return said.split('\n').filter((line) => line !== '');
}

describe('landbridge completion', () => {
  it('offers each command of the program in a real bash', () => {
    for (const { path, words } of nodes.filter((node) => node.words.length > 0))
      expect(offered(...path.split(' ').filter(Boolean), ''), path).to.deep.equal(words.map(({ name }) => name));
  });

  it('offers each long option of each command in a real bash', () => {
    for (const { path, flags } of nodes.filter((node) => ['vm invite', 'check', 'dns enable'].includes(node.path)))
      expect(offered(...path.split(' '), '--'), path).to.deep.equal(flags.flatMap(({ names }) => names.at(-1)!));
  });

  it('offers the choices of an option behind it, also where bash has cut the word at =', () => {
    expect(offered('vm', 'list', '-o', '')).to.deep.equal(['text', 'json']);
    expect(offered('vm', 'list', '--output', 'j')).to.deep.equal(['json']);
    expect(offered('vm', 'list', '--output', '=')).to.deep.equal(['text', 'json']);
    expect(offered('vm', 'invite', '--format', '=', 'c')).to.deep.equal(['cloud-init']);
    expect(offered('completion', 'f')).to.deep.equal(['fish']);
  });

  it('offers files where an option takes one, and nothing where only the user knows the value', () => {
    expect(offered('check', '--values', 'package')).to.include('package.json');
    expect(offered('status', '--namespace', '')).to.deep.equal([]);
  });

  it('takes the value of an option for no command', () => {
    expect(offered('vm', 'list', '-n', 'join', '--a')).to.deep.equal(['--all']);
    expect(offered('plan', '--cluster', '=', 'vm', '--f')).to.deep.equal(['--file']);
  });

  it('names every command and option in the script of each shell', () => {
    for (const [shell, make] of Object.entries(COMPLETIONS)) {
      const script = make(nodes);
      for (const { words, flags } of nodes)
        for (const name of [...words.map((word) => word.name), ...flags.map(({ names }) => names.at(-1)!.slice(2))])
          expect(script, shell).to.contain(name);
    }
  });
});
