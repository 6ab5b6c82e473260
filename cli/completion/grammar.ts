import type { Command, Option } from 'commander';

/** The words that can stand behind an option, or in the place of an argument. */
export type Value = 'none' | 'file' | 'text' | readonly string[];

export interface Flag {
  /** `-o` and `--output`. */
  names: string[];
  value: Value;
  description: string;
}

/** A command of the program, as shells complete it. */
export interface Node {
  /** `vm join`; empty for the program itself. */
  path: string;
  /** Its commands. */
  words: { name: string; description: string }[];
  flags: Flag[];
  argument: Value;
}

/** All commands of the program, the program itself first. Hidden commands and options are left out. */
export function grammarOf(command: Command, path = ''): Node[] {
  const below = command.commands.filter((one) => command.createHelp().visibleCommands(command).includes(one));
  const own: Node = {
    path,
    words: below.map((one) => ({ name: one.name(), description: one.description() })),
    flags: command.createHelp().visibleOptions(command).map(flagOf),
    argument: argumentOf(command),
  };
  return [own, ...below.flatMap((one) => grammarOf(one, `${path} ${one.name()}`.trim()))];
}

const flagOf = (option: Option): Flag => ({
  names: [option.short, option.long].filter((name) => name !== undefined),
  value: option.required || option.optional ? (option.argChoices ?? kindOf(option.flags)) : 'none',
  description: option.description,
});

function argumentOf(command: Command): Value {
  const [first] = command.registeredArguments;
  return first === undefined ? 'none' : (first.argChoices ?? kindOf(`<${first.name()}>`));
}

/** The placeholder says it: `--values <file>`. */
const kindOf = (flags: string): Value => (/[<[](files?|folder|path)(\.\.\.)?[>\]]/.test(flags) ? 'file' : 'text');
