import { Argument, Command } from 'commander';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { type Node, grammarOf } from '../completion/grammar.ts';
import { zshScript } from '../completion/zsh.ts';

/** The makers of scripts; a key is the name of a shell. */
export const COMPLETIONS: Record<string, (nodes: readonly Node[]) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** `landbridge completion SHELL`: made from the program that the command is part of. */
export function completionCommand(): Command {
  const command = new Command('completion');
  return command
    .description('print the script by which a shell completes landbridge')
    .addArgument(new Argument('<shell>', 'for which shell').choices(Object.keys(COMPLETIONS)))
    .addHelpText(
      'after',
      '\nFor this bash alone: source <(landbridge completion bash). The head of a script says where to keep it.',
    )
    .action((shell: string) => {
      process.stdout.write(COMPLETIONS[shell]!(grammarOf(command.parent!)));
    });
}
