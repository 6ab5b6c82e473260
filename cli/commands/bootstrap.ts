import { Command } from 'commander';

/** `landbridge bootstrap`: the job of the chart. Its settings come from the environment. */
export function bootstrapCommand(): Command {
  return new Command('bootstrap')
    .description('make the Secrets of an installation and the ACLs of its Consul (run by the chart)')
    .action(async () => {
      const { runBootstrap } = await import('../../operator/bootstrap/main.ts');
      const stop = new AbortController();
      const end = (signal: NodeJS.Signals): void => stop.abort(new Error(`stopped by ${signal}`));
      process.once('SIGTERM', end);
      process.once('SIGINT', end);
      try {
        await runBootstrap(process.env, stop.signal);
      } finally {
        process.off('SIGTERM', end);
        process.off('SIGINT', end);
      }
    });
}
