import { Command } from 'commander';
import { untilSignalled } from '../until-signalled.ts';

/** `landbridge bootstrap`: the job of the chart. Its settings come from the environment. */
export function bootstrapCommand(): Command {
  return new Command('bootstrap')
    .description('make the Secrets of an installation and the ACLs of its Consul (run by the chart)')
    .action(async () => untilSignalled((await import('../../operator/bootstrap/main.ts')).runBootstrap));
}
