import { Command } from 'commander';
import { connectKube } from '../../clients/kube/client.ts';
import { systemClock } from '../../clients/kube/clock.ts';
import { discoverer } from '../../clients/kube/discover.ts';
import { disableDns } from '../dns/disable-dns.ts';
import { deleteObject } from '../install/delete-object.ts';
import { releaseMeshServices, removeMeshServices } from '../install/remove-mesh-services.ts';
import { madeLater } from '../install/residue.ts';
import { nameOf } from '../install/step.ts';
import { untilSignalled } from '../until-signalled.ts';

const PATIENCE_MS = 60_000;

/** `landbridge clean-up`: what the chart's hooks run when Helm uninstalls. */
export function cleanUpCommand(): Command {
  return new Command('clean-up')
    .description('what Helm leaves undone when it uninstalls (run by the chart)')
    .option(
      '--before',
      'while the operator still runs: take *.consul out of the cluster DNS, and delete MeshServices, unless the CRDs are kept',
    )
    .option('--after', 'once it is gone: delete what processes made, here and in external Consul servers')
    .action(async ({ before }: { before?: boolean }) => {
      const kube = connectKube();
      const say = (line: string): void => void process.stdout.write(`${line}\n`);
      if (before) {
        say(await disableDns(kube));
        if (process.env['LANDBRIDGE_KEEP_CRDS'] === 'true') return say('MeshServices are kept');
        const left = await removeMeshServices(kube, PATIENCE_MS, systemClock);
        return say(
          left.length === 0 ? 'MeshServices are gone' : `no operator let go of ${left.map(nameOf).join(', ')}`,
        );
      }
      say(`${await releaseMeshServices(kube)} MeshServices were let go`);
      if (process.env['LANDBRIDGE_CONSUL_EXTERNAL'] === 'true') {
        const { runRemoval } = await import('../../operator/bootstrap/main.ts');
        await untilSignalled(runRemoval);
      }
      const discover = discoverer(kube);
      for (const object of await madeLater(kube, discover)) {
        await deleteObject(kube, discover, object);
        say(`deleted ${nameOf(object)}`);
      }
    });
}
