import type { Command } from 'commander';
import { landbridgeProgram } from '../../cli/program.ts';

const WIDTH = 110;

/** docs/cli.md: the help of every command, as the program itself prints it. */
export function cliPage(): string {
  const commands = landbridgeProgram().commands.flatMap((command) => withSubcommands(command));
  const contents = commands.map(([name]) => `- [\`${name}\`](#${name.replaceAll(' ', '-')})`).join('\n');
  const sections = commands.map(([name, command]) => `## ${name}\n\n\`\`\`text\n${helpOf(command)}\`\`\`\n`);
  return `# Commands

Made by \`npm run generate\` from the program itself. \`operator\`, \`bridge\`, \`agent\` and \`bootstrap\` are its processes; nobody
starts those by hand. Every command ends with 0 when all went well and with 1 when not, with one line on standard error that says
what to do; further exit codes are in its help. \`LANDBRIDGE_DEBUG=1\` adds the stack trace.

${contents}

${sections.join('\n')}`;
}

function withSubcommands(command: Command): [string, Command][] {
  const own: [string, Command] = [fullName(command), command];
  return command.commands.length === 0 ? [own] : command.commands.flatMap((one) => withSubcommands(one as Command));
}

const fullName = (command: Command): string =>
  command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;

function helpOf(command: Command): string {
  let text = '';
  command.configureHelp({ helpWidth: WIDTH });
  command.configureOutput({ writeOut: (part) => (text += part), getOutHasColors: () => false });
  command.outputHelp();
  return text;
}
