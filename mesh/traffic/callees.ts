import type { MeshService } from '../../crds/mesh-service.ts';
import type { Traffic } from '../../crds/traffic.ts';

/** spec.traffic of the services that a MeshService calls. Of two that want one name, the one that holds it counts. */
export function calleesOf(
  caller: MeshService | undefined,
  find: (service: string) => { meshService: MeshService | undefined }[],
): Record<string, Traffic> {
  const found = (caller?.spec.upstreams ?? []).flatMap(({ service }) => {
    const candidates = find(service).flatMap(({ meshService }) => meshService ?? []);
    const holder = candidates.find(({ status }) => status?.consul?.service === service) ?? candidates[0];
    return holder?.spec.traffic === undefined ? [] : [[service, holder.spec.traffic] as const];
  });
  return Object.fromEntries(found);
}
