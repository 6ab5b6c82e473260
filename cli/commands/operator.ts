import { Command } from 'commander';
import { untilSignalled } from '../until-signalled.ts';

/** `landbridge operator`: the process inside the cluster. */
export function operatorCommand(): Command {
  return new Command('operator')
    .description('run the operator (inside the cluster; settings come from the environment)')
    .action(async () => untilSignalled((await import('../../operator/main.ts')).runOperator));
}
