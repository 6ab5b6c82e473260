import { Command } from 'commander';
import { connectKube } from '../../clients/kube/client.ts';
import { cleanUpAfter, cleanUpBefore } from '../install/clean-up.ts';
import { untilSignalled } from '../until-signalled.ts';

/** `landbridge clean-up`: the chart's hooks run it when Helm uninstalls. */
export function cleanUpCommand(): Command {
  return new Command('clean-up')
    .description('finish the removal after Helm (run by the chart)')
    .option(
      '--before',
      'while the operator still runs: take *.consul out of the cluster DNS, and delete MeshServices, unless the CRDs are kept',
    )
    .option('--after', 'once it is gone: delete what processes made, here and in external Consul servers')
    .action(async ({ before }: { before?: boolean }) => {
      const kube = connectKube();
      const say = (line: string): void => void process.stdout.write(`${line}\n`);
      if (!before) return cleanUpAfter(kube, say, removeFromExternal);
      return cleanUpBefore(kube, say, { keepCrds: process.env['LANDBRIDGE_KEEP_CRDS'] === 'true' });
    });
}

async function removeFromExternal(): Promise<void> {
  if (process.env['LANDBRIDGE_CONSUL_EXTERNAL'] !== 'true') return;
  const { runRemoval } = await import('../../operator/bootstrap/main.ts');
  await untilSignalled(runRemoval);
}
