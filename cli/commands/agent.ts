import { Command } from 'commander';
import { runAgent } from '../../agent/main.ts';
import { untilSignalled } from '../until-signalled.ts';

/** `landbridge agent`: runs on a VM. Its settings come from the environment. */
export function agentCommand(): Command {
  return new Command('agent')
    .description('the agent of this machine: keeps its services in the mesh')
    .addCommand(
      new Command('run')
        .description('run in the foreground until SIGTERM or SIGINT; systemd does this as landbridge-agent.service')
        .action(() => untilSignalled(runAgent)),
    );
}
