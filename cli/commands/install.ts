import { Command, Option } from 'commander';
import type { KubeObject } from '../../clients/kube/object.ts';
import { type ClusterFlags, firstServerOf, kubeOf, withClusterFlags } from '../cluster.ts';
import { install } from '../install/install.ts';
import { synthesized } from '../synthesized.ts';
import { parseDuration } from '../vm/duration.ts';

interface InstallFlags extends ClusterFlags {
  values?: string;
  plan?: boolean;
  /** Milliseconds. */
  timeout: number;
}

/** `landbridge install` and `upgrade`: one command, since the wanted state does not depend on the present one. */
function command(name: string, description: string): Command {
  return withClusterFlags(new Command(name))
    .description(description)
    .option('-f, --values <file>', 'YAML file of values; - reads standard input (default: every default)')
    .option('--plan', 'say what would be created, changed and deleted, and do nothing; exit code 2: there is something')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait until everything can be used; 0s: not at all')
        .argParser(parseDuration)
        .default(180_000, '3m'),
    )
    .action(async (flags: InstallFlags) => {
      const objects = (await synthesized(flags.values)) as KubeObject[];
      const changes = await install({
        kube: kubeOf(flags),
        objects,
        planOnly: flags.plan ?? false,
        timeoutMs: flags.timeout,
        openServers: () => firstServerOf(flags),
        say: (line) => process.stdout.write(`${line}\n`),
      });
      if (flags.plan && changes > 0) process.exitCode = 2;
    });
}

export const installCommand = (): Command =>
  command('install', 'install Landbridge: plan, apply, and wait until it can be used');
export const upgradeCommand = (): Command =>
  command('upgrade', 'bring an installation to this version and these values; --plan shows it first');
