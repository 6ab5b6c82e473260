import type { BeatInstance } from '../../mesh/outside/bridge-api.ts';

import type { LocalInstance } from '../instances/local-instance.ts';

/** The part of a beat about each instance. One that has no sidecar port cannot be reached, so there is nothing to register. */
export function beatInstances(instances: LocalInstance[], bindsUpstreams: ReadonlySet<string>): BeatInstance[] {
  return instances.flatMap((instance) => {
    const { id, service, appPort, sidecarPort, definition } = instance;
    if (sidecarPort === undefined) return [];
    const { version, zone } = definition;
    const binds = bindsUpstreams.has(id);
    return [{ id, service, appPort, sidecarPort, ...instance.health(), version, zone, bindsUpstreams: binds }];
  });
}
