import type { DoorReport } from '../../mesh/doors/machine-doors.ts';
import type { MutualTLS } from '../../crds/doors.ts';
import type { ServicePlan } from '../../mesh/outside/bridge-api.ts';

import type { CheckState } from './check-loop.ts';
import type { EnvoyStatus } from '../envoy/status.ts';
import type { Health } from './health.ts';
import type { LocalInstance } from './local-instance.ts';

export interface InstanceStatus {
  id: string;
  service: string;
  appPort: number;
  sidecarPort: number | undefined;
  /** undefined: a member that only calls others. */
  check: { state: CheckState; output: string } | undefined;
  envoy: Pick<EnvoyStatus, 'state' | 'pid' | 'restarts' | 'lastEnd' | 'connected' | 'problem'> & {
    version: string | undefined;
  };
  draining: boolean;
  refused: string | undefined;
  /** The judgement of the agent. */
  now: Health;
  /** The state that the bridge has taken; undefined: nothing yet. */
  inMesh: Health['health'] | undefined;
  /** Bound on 127.0.0.1 by this instance's Envoy. */
  upstreams: ServicePlan['upstreams'];
  /** How its app is reached past its sidecar; undefined: not looked at yet, and with an agent of an earlier version. */
  door?: DoorStatus | undefined;
}

export interface DoorStatus extends DoorReport {
  /** The mode of its MeshService; undefined: not known yet. */
  mode: MutualTLS | undefined;
  /** The problem, one sentence; undefined without one. */
  note: string | undefined;
}

export function statusOf(
  instance: LocalInstance,
  inMesh: Health['health'] | undefined,
  upstreams: InstanceStatus['upstreams'],
): InstanceStatus {
  const { id, service, appPort, sidecarPort, refused } = instance;
  const { state, pid, version, restarts, lastEnd, connected } = instance.envoy.status;
  const { app, sidecarProblem: problem, draining } = instance.condition();
  return {
    id,
    service,
    appPort,
    sidecarPort,
    check: app && { state: app.state, output: app.output },
    envoy: { state, pid, version: version?.version, restarts, lastEnd, connected, problem },
    draining,
    refused,
    now: instance.health(),
    inMesh,
    upstreams,
  };
}
