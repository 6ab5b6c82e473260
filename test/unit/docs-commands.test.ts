import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect } from 'chai';
import { landbridgeProgram } from '../../cli/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'services/README.md'],
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && name !== 'cli.md')
      .map((name) => `${folder}/${name}`),
  ),
];
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
/** npm's own. */
const NPM = ['ci', 'cit', 'run', 'start', 'stop', 'test', 'install'];

/** Everything that is shown as code: blocks by indentation or fence, and words between back-quotes. */
function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^(?: {4}(\S.*)|```sh\n([^]*?)```)$/gm)].flatMap(([, line, block]) =>
    (line ?? block ?? '').replaceAll('\\\n', ' ').split('\n'),
  );
  const inline = [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replaceAll('\n', ' '));
  return [...blocks, ...inline]
    .map((line) => line.replace(/(^|\s{2,}|\s)#(\s.*|$)/, ''))
    .flatMap((line) => line.split(/\s(?:\||&&|;|>)\s/))
    .map((line) => line.trim().replace(/^(?:[A-Z_]+=\S+ )+|^sudo |^npm run --silent vm -- vm\d (?=landbridge )/, ''));
}

function argumentsOf(line: string): string[] | undefined {
  const own = /^(?:npm run (?:--silent )?landbridge -- |node dist\/landbridge\.mjs |landbridge )(.+)$/.exec(line)?.[1];
  return own?.split(/\s+/);
}

/** The problem of a call of `landbridge`; undefined for a correct call. */
function fault(args: string[]): string | undefined {
  let command: Command = landbridgeProgram();
  let rest = args;
  for (;;) {
    const below = command.commands.find((one) => one.name() === rest[0]);
    if (below === undefined) break;
    command = below;
    rest = rest.slice(1);
  }
  if (rest.length === 1 && ['--help', '--version', '...'].includes(rest[0]!)) return undefined;
  if (command.commands.length > 0) return rest[0] === undefined ? undefined : `there is no command ${rest[0]}`;
  const { operands, unknown } = parsed(command, rest);
  if (unknown.length > 0) return `it does not take ${unknown.join(' ')}`;
  const { registeredArguments: known } = command;
  if (operands.length > known.length && !known.at(-1)?.variadic) return `it takes ${known.length} arguments`;
  return undefined;
}

/** An option without its argument would end the process. */
function parsed(command: Command, args: string[]): { operands: string[]; unknown: string[] } {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  try {
    return command.parseOptions(args);
  } catch (error) {
    return { operands: [], unknown: [(error as Error).message] };
  }
}

for (const page of pages) {
  describe(page, () => {
    const text = readFileSync(join(root, page), 'utf8');

    it('calls landbridge as it is', () => {
      for (const line of commandsIn(text)) {
        const args = argumentsOf(line);
        if (args !== undefined) expect(fault(args), line).to.equal(undefined);
      }
    });

    it('names npm scripts that there are', () => {
      for (const line of commandsIn(text)) {
        const [, verb, script] = /^npm (\w+)(?: (?:--silent )?([\w:]+))?/.exec(line) ?? [];
        if (verb === undefined) continue;
        expect(NPM, line).to.include(verb);
        if (verb === 'run') expect(Object.keys(scripts), line).to.include(script);
      }
    });

    it('points at files and headings that there are', () => {
      for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const [file, anchor] = target!.split('#');
        const path = file === '' ? join(root, page) : join(root, dirname(page), file!);
        expect(existsSync(path), target).to.equal(true);
        if (anchor !== undefined) expect(anchorsOf(readFileSync(path, 'utf8')), target).to.include(anchor);
      }
    });
  });
}

describe('the test of the documents', () => {
  it('sees a command that there is not, a flag that there is not, and an argument too many', () => {
    const seen = (line: string) => fault(argumentsOf(line)!);
    expect(seen('landbridge vm enlist')).to.equal('there is no command enlist');
    expect(seen('landbridge status --all-spaces')).to.contain('--all-spaces');
    expect(seen('landbridge status a b')).to.contain('takes 1 arguments');
    expect(seen('landbridge vm invite sub-svc --site rack-1')).to.equal(undefined);
    expect(commandsIn('    landbridge check -o json | jq .     # words\n\nand `landbridge plan`')).to.deep.equal([
      'landbridge check -o json',
      'jq .',
      'landbridge plan',
    ]);
  });
});

/** As GitHub makes anchors of headings. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
