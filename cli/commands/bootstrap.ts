import { Command } from 'commander';
import { untilSignalled } from '../until-signalled.ts';

/** `landbridge bootstrap`: the job of the chart. Its settings come from the environment. */
export function bootstrapCommand(): Command {
  return new Command('bootstrap')
    .description('make the Secrets of an installation and the ACLs of its Consul (run by the chart)')
    .option('--remove', 'take away what the installation has in Consul servers that are not its own')
    .action(async ({ remove }: { remove?: boolean }) => {
      const { runBootstrap, runRemoval } = await import('../../operator/bootstrap/main.ts');
      await untilSignalled(remove ? runRemoval : runBootstrap);
    });
}
