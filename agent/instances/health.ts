import type { BeatInstance } from '../../mesh/outside/bridge-api.ts';
import { doubtOutput } from '../../mesh/outside/call-doubt.ts';

import type { Checked } from './check-loop.ts';

export type Health = Pick<BeatInstance, 'health' | 'output'>;

/** The facts about one instance. xDS liveness and app health are two different things; both must be well. */
export interface Condition {
  /** undefined: nothing to check, a member that only calls others. */
  app: Checked | undefined;
  /** Envoy says LIVE and its public listener is open. */
  sidecarReady: boolean;
  /** The complaint of Envoy, or of its start. */
  sidecarProblem: string | undefined;
  draining: boolean;
  /** The bridge's sentence, when no MeshService admits the service. */
  refused: string | undefined;
  /** Why calls may fail although all of it is well. */
  doubt: string | undefined;
}

/** The health for the mesh: the first reason that speaks against the instance. Output is at most 1000 characters. */
export function healthOf({ app, sidecarReady, sidecarProblem, draining, refused, doubt }: Condition): Health {
  const critical = (output: string): Health => ({ health: 'critical', output: output.slice(0, 1000) });
  if (refused !== undefined) return critical(refused);
  if (draining) return critical('draining');
  if (app !== undefined && app.state !== 'passing') return critical(app.output);
  if (!sidecarReady) return critical(sidecarProblem ?? 'Envoy is starting');
  if (doubt !== undefined) return { health: 'passing', output: doubtOutput(doubt).slice(0, 1000) };
  // No figures here: an output that changed with every check would be a write to Consul with every beat.
  return { health: 'passing', output: app === undefined ? 'Envoy is live' : app.output.slice(0, 1000) };
}
