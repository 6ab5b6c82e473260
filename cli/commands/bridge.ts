import { Command } from 'commander';

/** `landbridge bridge`: the process that admits off-cluster instances. Settings come from the environment only. */
export function bridgeCommand(): Command {
  return new Command('bridge')
    .description('run the bridge: admits VMs and machines, holds their leases, writes them into Consul')
    .addHelpText(
      'after',
      '\nRuns in the cluster; the chart deploys it. Settings are environment variables (LANDBRIDGE_*), see docs/reference.md.',
    )
    .action(async (_options: unknown, command: Command) => {
      // Loaded here, so that other subcommands start without it.
      const { runBridge } = await import('../../bridge/main.ts');
      const stop = new AbortController();
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
      try {
        await runBridge(process.env, stop.signal);
      } catch (error) {
        command.error(`error: ${(error as Error).message}`, { exitCode: 1 });
      }
    });
}
