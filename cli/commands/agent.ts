import { Command } from 'commander';

import { runAgent } from '../../agent/main.ts';

/** `landbridge agent`: what runs on a VM. Its settings come from the environment. */
export function agentCommand(): Command {
  return new Command('agent').description('the agent of this machine: keeps its services in the mesh').addCommand(
    new Command('run')
      .description('run in the foreground until SIGTERM or SIGINT; systemd does this as landbridge-agent.service')
      .action(async () => {
        const stop = new AbortController();
        const end = (): void => stop.abort();
        // Not `once`: a second Ctrl-C must not cut the drain short and leave Envoys behind.
        process.on('SIGTERM', end);
        process.on('SIGINT', end);
        try {
          await runAgent(process.env, stop.signal);
        } finally {
          process.off('SIGTERM', end);
          process.off('SIGINT', end);
        }
      }),
  );
}
