import type { Logger } from 'pino';

import type { Protocol } from '../../mesh/proxies/app-calls.ts';

import type { Doors } from '../doors/doors.ts';
import { watchStarvation } from '../envoy/silence.ts';
import type { Drains } from '../instances/drains.ts';
import { LocalInstance } from '../instances/local-instance.ts';
import type { WantedInstance } from '../instances/wanted-instances.ts';
import type { Clock } from '../../base/clock.ts';
import { instanceFolder } from '../machine/instance-id.ts';
import type { Settings } from '../machine/settings.ts';
import type { HostState } from '../state/state.ts';
import { watchConsulWay } from './consul-way.ts';

export interface InstanceMakerOptions {
  settings: Settings;
  host: HostState;
  drains: Drains;
  doors: Pick<Doors, 'waits'>;
  /** All instances of this machine. */
  instances: () => LocalInstance[];
  /** The protocol of its MeshService; undefined: not known yet. */
  protocolOf: (service: string) => Protocol | undefined;
  /** Called when anything about the instance changed. */
  changed: (instance: LocalInstance) => void;
  /** Called when a drain ended by itself. */
  returned: () => void;
  /** Called when the mesh should hear of something at once. */
  urgent: () => void;
  clock: Clock;
  random: () => number;
  log: Logger;
}

/** Makes the instances of this machine, with the watches that they share. */
export interface InstanceMaker {
  make(wanted: WantedInstance, sidecarPort: number | undefined): LocalInstance;
  /** Ends the watches. */
  end(): void;
}

export function instanceMaker(options: InstanceMakerOptions): InstanceMaker {
  const { settings, host, drains, doors, instances, protocolOf, changed, returned, urgent, clock, random, log } =
    options;
  const starvation = watchStarvation(clock);
  const consulWay = watchConsulWay({
    addresses: host.consul.grpc,
    alone: () => instances().some(({ envoy: { status } }) => status.state !== 'off' && !status.connected),
    clock,
    changed: urgent,
  });
  return {
    make({ id, service, definition }, sidecarPort) {
      const instance: LocalInstance = new LocalInstance({
        ...{ id, service, definition, sidecarPort, clock, random, log, starvation, returned },
        folder: instanceFolder(settings.runtimeDir, id),
        envoyCommand: settings.envoy,
        drainMs: settings.drainMs,
        consulProblem: () => consulWay.problem(),
        protocol: () => protocolOf(service),
        changed: () => changed(instance),
        doorWaits: () => doors.waits(definition.port),
      });
      drains.restore(instance);
      return instance;
    },
    end() {
      starvation.end();
      consulWay.end();
    },
  };
}
