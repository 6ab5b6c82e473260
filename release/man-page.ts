import type { Command } from 'commander';
import { grammarOf } from '../cli/completion/grammar.ts';

/** landbridge(1), in the macros of man(7). `day` is that of the release. */
export function manPage(program: Command, version: string, day: string): string {
  const commands = grammarOf(program).filter(({ words, path }) => path !== '' && words.length === 0);
  const sections = commands.map(({ path, flags }) => {
    const command = path
      .split(' ')
      .reduce((at: Command, name) => at.commands.find((one) => one.name() === name)!, program);
    const options = flags
      .filter(({ names }) => !names.includes('--help'))
      .map(({ names, description }, place) => {
        const shown = command.options[place]?.flags ?? names.join(', ');
        return `.TP\n.B ${escaped(shown)}\n${line(description)}\n`;
      });
    return `.SS "${escaped(`landbridge ${path} ${command.usage()}`)}"\n${line(command.description())}\n${options.join('')}`;
  });
  return `.\\" Made by npm run release from the program itself.
.TH LANDBRIDGE 1 "${day}" "landbridge ${version}" "User Commands"
.SH NAME
landbridge \\- ${escaped(lowered(program.description()))}
.SH SYNOPSIS
.B landbridge
.I command
.RI [ options ]
.SH DESCRIPTION
${line(`${program.description()}.`)}
.SH COMMANDS
${sections.join('')}.SH ENVIRONMENT
.TP
.B KUBECONFIG
${line('The file that says how the cluster is reached.')}
.TP
.B LANDBRIDGE_DEBUG
${line('With 1, an error shows its stack trace.')}
.SH FILES
.TP
.I /etc/landbridge/services.d
${line('The services of this machine, one file each.')}
.TP
.I /var/lib/landbridge
${line('The state of the agent: its certificate, and the tokens of its instances.')}
.SH EXIT STATUS
${line('0 when all went well, 1 when not, with one line on standard error that says what to do.')}
.SH SEE ALSO
.BR systemctl (1),
.BR envoy (1)
`;
}

const lowered = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
const escaped = (text: string): string => text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq');
/** A line of text: one that begins with a dot or a quote would be a macro. */
const line = (text: string): string => escaped(text.replaceAll(/\s+/g, ' ')).replace(/^[.']/, '\\&$&');
