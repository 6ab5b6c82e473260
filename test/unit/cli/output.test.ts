import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect } from 'chai';
import { statusReport, statusText } from '../../../cli/commands/status.ts';
import { landbridgeProgram } from '../../../cli/program.ts';
import { aMeshService } from '../../support/builders.ts';

const CLI = fileURLToPath(new URL('../../../cli/', import.meta.url));
const COMMANDS = join(CLI, 'commands');

/** The files of cli/ that a file brings in, and the file itself. */
function reached(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g)) {
    const next = join(file, '..', path!);
    // A command that has others below it prints nothing itself.
    if (next.startsWith(CLI) && !next.startsWith(COMMANDS)) reached(next, seen);
  }
  return seen;
}

const printsTable = (file: string): boolean =>
  [...reached(file)].some((one) => /^import .*\btable\b.* from '.*\/table\.ts'/m.test(readFileSync(one, 'utf8')));

const load = createRequire(import.meta.url);

/** The commands that the file of a command makes. */
function madeBy(file: string): Command[] {
  const exported = Object.entries(load(file) as Record<string, unknown>);
  return exported
    .filter(([name, value]) => name.endsWith('Command') && typeof value === 'function')
    .map(([, make]) => (make as () => Command)());
}

const allOf = (command: Command): Command[] => [command, ...command.commands.flatMap(allOf)];

describe('the option -o json', () => {
  const files = readdirSync(COMMANDS).map((name) => join(COMMANDS, name));

  it('is there in each command that prints a table, and such a command prints through one function', () => {
    const tables = files.filter(printsTable);
    expect(tables.map((file) => relative(COMMANDS, file))).to.include.members([
      'status.ts',
      'vm-list.ts',
      'vm-status.ts',
    ]);
    for (const file of tables) {
      const commands = madeBy(file)
        .flatMap(allOf)
        .filter((command) => command.commands.length === 0);
      expect(commands, file).not.to.deep.equal([]);
      for (const command of commands) {
        const output = command.options.find(({ long }) => long === '--output');
        expect(output?.argChoices, `landbridge ${command.name()} has no -o`).to.deep.equal(['text', 'json']);
        expect(output?.short, command.name()).to.equal('-o');
      }
    }
    for (const file of files.filter((one) => readFileSync(one, 'utf8').includes('outputOption()')))
      expect(readFileSync(file, 'utf8'), relative(CLI, file)).to.match(/\bprint\((flags\.)?output,/);
  });

  it('is looked for in every command of the program', () => {
    const made = files
      .flatMap(madeBy)
      .flatMap(allOf)
      .map((command) => command.name());
    for (const command of allOf(landbridgeProgram()).filter(({ commands }) => commands.length === 0))
      expect(made, `no file of cli/commands makes ${command.name()}`).to.include(command.name());
  });

  it('gives the data of each cell of landbridge status', () => {
    const web = aMeshService('web');
    const instance = {
      node: 'n-1',
      address: '10.0.0.7',
      service: { ID: 'web-1', Service: 'web', Port: 20000, Meta: { platform: 'vm', site: 'on-prem', node: 'vm-1' } },
      status: 'passing',
    };
    const report = statusReport([web], [instance] as never);
    expect(JSON.parse(JSON.stringify(report))).to.deep.equal({
      meshServices: [
        {
          namespace: web.metadata.namespace,
          name: web.metadata.name,
          protocol: web.spec.protocol ?? 'tcp',
          pods: '?',
          vms: '?',
          ready: 'Unknown',
          reason: '',
          messages: [
            'the operator has not looked at it yet: kubectl -n landbridge logs deployment/landbridge-operator',
          ],
        },
      ],
      instances: [
        { id: 'web-1', platform: 'vm', site: 'on-prem', on: 'vm-1', address: '10.0.0.7:20000', health: 'passing' },
      ],
    });
    const text = statusText(report);
    for (const cell of ['web-1', 'on-prem', '10.0.0.7:20000', web.metadata.name, 'the operator has not looked'])
      expect(text).to.contain(cell);
  });
});
