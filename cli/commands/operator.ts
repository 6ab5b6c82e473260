import { Command } from 'commander';

/** `landbridge operator`: the process inside the cluster. */
export function operatorCommand(): Command {
  return new Command('operator')
    .description('run the operator (inside the cluster; settings come from the environment)')
    .action(async () => {
      const { runOperator } = await import('../../operator/main.ts');
      const stop = new AbortController();
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
      await runOperator(process.env, stop.signal);
    });
}
