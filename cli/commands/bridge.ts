import { Command } from 'commander';

/** `landbridge bridge`: the process that admits off-cluster instances. Settings come from the environment only. */
export function bridgeCommand(): Command {
  return new Command('bridge')
    .description('run the bridge: admits VMs and machines, holds their leases, writes them into Consul')
    .addHelpText(
      'after',
      '\nRuns in the cluster; the chart deploys it. Settings are environment variables (LANDBRIDGE_*), see docs/reference.md.',
    )
    .action(async () => {
      // Loaded here, so that other subcommands start without it.
      const { runBridge } = await import('../../bridge/main.ts');
      const stop = new AbortController();
      const end = (): void => stop.abort();
      process.once('SIGTERM', end);
      process.once('SIGINT', end);
      try {
        await runBridge(process.env, stop.signal);
      } finally {
        process.off('SIGTERM', end);
        process.off('SIGINT', end);
      }
    });
}
