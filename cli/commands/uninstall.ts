import { createInterface } from 'node:readline/promises';
import { Command, Option } from 'commander';
import { type ClusterFlags, kubeOf, withClusterFlags } from '../cluster.ts';
import { uninstall } from '../install/uninstall.ts';
import { parseDuration } from '../vm/duration.ts';

interface UninstallFlags extends ClusterFlags {
  keepCrds?: boolean;
  plan?: boolean;
  yes?: boolean;
  /** Milliseconds. */
  timeout: number;
}

/** `landbridge uninstall`: everything goes, MeshServices and Consul's data included, and leftovers are named. */
export function uninstallCommand(): Command {
  return withClusterFlags(new Command('uninstall'))
    .description('take Landbridge out of the cluster and of Consul, and prove that nothing is left')
    .option('--keep-crds', 'leave the CRDs and all MeshServices')
    .option('--plan', 'say what would be deleted, and do nothing')
    .option('-y, --yes', 'do not ask')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait for each part to be gone')
        .argParser(parseDuration)
        .default(120_000, '2m'),
    )
    .action(async (flags: UninstallFlags) => {
      const left = await uninstall({
        kube: kubeOf(flags),
        keepCrds: flags.keepCrds ?? false,
        planOnly: flags.plan ?? false,
        timeoutMs: flags.timeout,
        confirm: async () => flags.yes ?? ask(),
        say: (line) => process.stdout.write(`${line}\n`),
      });
      if (!flags.plan && left.length > 0) process.exitCode = 1;
    });
}

async function ask(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error('nothing was deleted: give --yes where nobody can be asked');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question('Delete all of it? Type yes: ')).trim() === 'yes';
  } finally {
    terminal.close();
  }
}
