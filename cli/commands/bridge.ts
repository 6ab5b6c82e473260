import { Command } from 'commander';
import { untilSignalled } from '../until-signalled.ts';

/** `landbridge bridge`: the process that admits off-cluster instances. Settings come from the environment only. */
export function bridgeCommand(): Command {
  return (
    new Command('bridge')
      .description('run the bridge: admits VMs and machines, holds their leases, writes them into Consul')
      .addHelpText('after', '\nRuns in the cluster; the chart deploys it. Its settings are environment variables.')
      // Loaded here, so that other subcommands start without it.
      .action(async () => untilSignalled((await import('../../bridge/main.ts')).runBridge))
  );
}
