import { Command } from 'commander';
import type { ServiceInstance } from '../../clients/consul/consul.ts';
import { meshServices } from '../../clients/kube/resources.ts';
import { type MeshService, consulName } from '../../crds/mesh-service.ts';
import { explaining } from '../../mesh/status/explaining.ts';
import { type ClusterFlags, consulOf, kubeOf, withClusterFlags } from '../cluster.ts';
import { nothingAnywhere, nothingThere } from '../nothing-there.ts';
import { type Format, outputOption, print } from '../output.ts';
import { table } from '../table.ts';

/** The data that `landbridge status -o json` prints. */
export interface StatusReport {
  meshServices: ReturnType<typeof meshServiceRow>[];
  /** Only for a MeshService that was asked for by its name. */
  instances?: ReturnType<typeof instanceRow>[];
}

/** `landbridge status [NAME]`: MeshServices in one line each, or one of them with all its instances, pods and VMs alike. */
export function statusCommand(): Command {
  return withClusterFlags(new Command('status'))
    .description('show MeshServices; with a name, its instances wherever they run. Exit code 1: something is not ready')
    .argument('[name]', 'a MeshService')
    .option('-A, --all-namespaces', 'of all namespaces', false)
    .addOption(outputOption())
    .action(async (name: string | undefined, flags: ClusterFlags & { allNamespaces: boolean; output: Format }) => {
      const kube = kubeOf(flags);
      const scope = flags.allNamespaces ? {} : { namespace: kube.namespace };
      const { items } = await kube.list<MeshService & { metadata: object }>(meshServices, scope);
      const shown = items.filter((meshService) => name === undefined || meshService.metadata.name === name);
      if (shown.length === 0)
        throw new Error(flags.allNamespaces ? nothingAnywhere(name, items) : await nothingThere(kube, name));
      const say = (report: StatusReport): void => print(flags.output, report, () => statusText(report));
      const instances = name === undefined ? undefined : instancesOf(flags, consulName(shown[0]!));
      // Without Consul the cluster's part is worth reading.
      const found = await instances?.catch((error: unknown) => {
        say(statusReport(shown));
        throw error;
      });
      const report = statusReport(shown, found);
      say(report);
      process.exitCode = report.meshServices.every(({ ready }) => ready === 'True') ? 0 : 1;
    });
}

export const statusReport = (shown: readonly MeshService[], instances?: readonly ServiceInstance[]): StatusReport => ({
  meshServices: shown.map(meshServiceRow),
  ...(instances === undefined ? {} : { instances: instances.map(instanceRow) }),
});

function meshServiceRow({ metadata, spec, status }: MeshService) {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    protocol: spec.protocol ?? 'tcp',
    pods: status?.pods ?? '?',
    vms: status?.vms ?? '?',
    ready: ready?.status ?? 'Unknown',
    reason: ready?.reason ?? '',
    messages:
      status?.conditions === undefined
        ? ['the operator has not looked at it yet: kubectl -n landbridge logs deployment/landbridge-operator']
        : explaining(status.conditions).map(({ message }) => message),
  };
}

const instanceRow = ({ node, address, service: { ID, Port, Meta }, status }: ServiceInstance) => ({
  id: ID,
  platform: Meta.platform ?? 'foreign',
  site: Meta.site ?? '',
  on: Meta.node ?? node,
  address: `${address}:${Port}`,
  health: status,
});

export function statusText({ meshServices, instances }: StatusReport): string {
  const rows = meshServices.map((row) => [
    row.namespace,
    row.name,
    row.protocol,
    row.pods,
    row.vms,
    row.ready,
    row.reason,
  ]);
  const told = meshServices.flatMap(({ name, messages }) =>
    messages.length === 0 ? [] : [`\n${messages.map((message) => `${name}: ${message}\n`).join('')}`],
  );
  return [
    table(['NAMESPACE', 'NAME', 'PROTOCOL', 'PODS', 'VMS', 'READY', 'REASON'], rows),
    ...told,
    ...(instances === undefined ? [] : [`\n${instancesText(instances)}`]),
  ].join('');
}

const instancesText = (instances: NonNullable<StatusReport['instances']>): string =>
  table(
    ['INSTANCE', 'PLATFORM', 'SITE', 'ON', 'ADDRESS', 'HEALTH'],
    instances.map(({ id, platform, site, on, address, health }) => [id, platform, site, on, address, health]),
  );

async function instancesOf(flags: ClusterFlags, service: string): Promise<ServiceInstance[]> {
  const { consul, close } = await consulOf(flags);
  try {
    return await consul.health(service);
  } finally {
    close();
  }
}
