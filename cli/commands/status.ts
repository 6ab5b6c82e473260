import { Command } from 'commander';
import { meshServices } from '../../clients/kube/resources.ts';
import { type MeshService, consulName } from '../../crds/mesh-service.ts';
import { explaining } from '../../mesh/explaining.ts';
import { type ClusterFlags, consulOf, kubeOf, withClusterFlags } from '../cluster.ts';
import { nothingAnywhere, nothingThere } from '../nothing-there.ts';
import { table } from '../table.ts';

/** `landbridge status [NAME]`: MeshServices in one line each, or one of them with all its instances, pods and VMs alike. */
export function statusCommand(): Command {
  return withClusterFlags(new Command('status'))
    .description('show MeshServices; with a name, its instances wherever they run. Exit code 1: something is not ready')
    .argument('[name]', 'a MeshService')
    .option('-A, --all-namespaces', 'of all namespaces', false)
    .action(async (name: string | undefined, flags: ClusterFlags & { allNamespaces: boolean }) => {
      const kube = kubeOf(flags);
      const scope = flags.allNamespaces ? {} : { namespace: kube.namespace };
      const { items } = await kube.list<MeshService & { metadata: object }>(meshServices, scope);
      const shown = items.filter((meshService) => name === undefined || meshService.metadata.name === name);
      if (shown.length === 0)
        throw new Error(flags.allNamespaces ? nothingAnywhere(name, items) : await nothingThere(kube, name));
      process.stdout.write(table(['NAMESPACE', 'NAME', 'PROTOCOL', 'PODS', 'VMS', 'READY', 'REASON'], shown.map(row)));
      const unready = shown.filter((meshService) => ready(meshService)?.status !== 'True');
      for (const { metadata, status } of shown) {
        const told =
          status?.conditions === undefined
            ? ['the operator has not looked at it yet: kubectl -n landbridge logs deployment/landbridge-operator']
            : explaining(status.conditions).map(({ message }) => message);
        if (told.length > 0) process.stdout.write(`\n${told.map((line) => `${metadata.name}: ${line}\n`).join('')}`);
      }
      if (name !== undefined) await printInstances(flags, consulName(shown[0]!));
      process.exitCode = unready.length === 0 ? 0 : 1;
    });
}

const ready = (meshService: MeshService) => meshService.status?.conditions?.find(({ type }) => type === 'Ready');

const row = (meshService: MeshService): string[] => [
  meshService.metadata.namespace ?? '',
  meshService.metadata.name,
  meshService.spec.protocol ?? 'tcp',
  meshService.status?.pods ?? '?',
  meshService.status?.vms ?? '?',
  ready(meshService)?.status ?? 'Unknown',
  ready(meshService)?.reason ?? '',
];

async function printInstances(flags: ClusterFlags, service: string): Promise<void> {
  const { consul, close } = await consulOf(flags);
  try {
    const instances = await consul.health(service);
    const rows = instances.map(({ node, address, service: { ID, Port, Meta }, status }) => [
      ID,
      Meta.platform ?? 'foreign',
      Meta.site ?? '',
      Meta.node ?? node,
      `${address}:${Port}`,
      status,
    ]);
    process.stdout.write(`\n${table(['INSTANCE', 'PLATFORM', 'SITE', 'ON', 'ADDRESS', 'HEALTH'], rows)}`);
  } finally {
    close();
  }
}
