import type { MeshService } from '../../crds/mesh-service.ts';
import type { Traffic } from '../../crds/traffic.ts';
import { standingOf } from './holder.ts';

/**
 * spec.traffic of the services that a MeshService calls, as far as the one that holds the name says it. A MeshService
 * that merely wants the name must not reach its callers.
 */
export function calleesOf(
  caller: MeshService | undefined,
  find: (service: string) => { meshService: MeshService | undefined }[],
): Record<string, Traffic> {
  const found = (caller?.spec.upstreams ?? []).flatMap(({ service }) => {
    const candidates = find(service).flatMap(({ meshService }) => meshService ?? []);
    const holder = candidates.find(({ status }) => standingOf(service, status) === 'holds');
    return holder?.spec.traffic === undefined ? [] : [[service, holder.spec.traffic] as const];
  });
  return Object.fromEntries(found);
}
