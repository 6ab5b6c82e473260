import { Command } from 'commander';

import { localClient } from '../../agent/local-api/client.ts';
import { Problem } from '../../base/problem.ts';
import { apiSocket, readSettings } from '../../agent/machine/settings.ts';
import { parseDuration } from '../vm/duration.ts';

const TARGET = 'an instance, SERVICE:PORT, SERVICE, or all';

/** `landbridge vm drain`: takes instances out so that nothing is lost when they stop. */
export function vmDrainCommand(): Command {
  return new Command('drain')
    .description('take instances of this machine out of the mesh, and wait until callers have left')
    .argument('<target>', TARGET)
    .option('--wait <duration>', 'how long callers get', '3s')
    .addHelpText(
      'after',
      `
In the unit of an app, so that stopping it loses nothing:
  [Unit]
  After=landbridge-agent.service
  [Service]
  ExecStop=+/usr/local/bin/landbridge vm drain add-svc:%i
The instance returns by itself when its app has been away and its check passes again; landbridge vm undrain brings it
back without that.`,
    )
    .action(async (target: string, { wait }: { wait: string }) => {
      const waitMs = parseDuration(wait);
      const { drained, told } = await localClient(apiSocket(readSettings(process.env))).drain(target, waitMs);
      if (!told)
        throw new Problem(
          `${drained.join(', ')}: draining, but no bridge could be told; callers leave when the lease runs out.`,
        );
      process.stdout.write(`drained ${drained.join(', ')}\n`);
    });
}

/** `landbridge vm undrain`: ends a drain. */
export function vmUndrainCommand(): Command {
  return new Command('undrain')
    .description('bring drained instances of this machine back')
    .argument('<target>', TARGET)
    .action(async (target: string) => {
      const { undrained } = await localClient(apiSocket(readSettings(process.env))).undrain(target);
      process.stdout.write(undrained.length === 0 ? 'nothing was drained\n' : `undrained ${undrained.join(', ')}\n`);
    });
}
