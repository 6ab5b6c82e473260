import type { Clock } from '../base/clock.ts';
import type { Doors } from './doors/doors.ts';
import type { FollowedDefinitions } from './instances/follow-definitions.ts';
import type { EnvoyUpgrades } from './instances/upgrade-envoys.ts';
import type { LocalApi } from './local-api/server.ts';
import type { Settings } from './machine/settings.ts';
import type { Membership } from './membership/membership.ts';
import type { Supervisor } from './membership/supervisor.ts';
import type { Names } from './names/names.ts';
import { probeOnce } from './reach/probe-pods.ts';
import { selfTest } from './reach/self-test.ts';
import type { State } from './state/state.ts';

/** The local API of a running agent. Each command goes to the part that knows the answer, or does the work. */
export function agentApi(parts: {
  settings: Pick<Settings, 'runtimeDir'>;
  state: Pick<State, 'problem'>;
  run: string;
  program: string | undefined;
  supervisor: Supervisor;
  doors: Doors;
  member: Membership;
  names: Names | undefined;
  definitions: FollowedDefinitions;
  upgrades: EnvoyUpgrades;
  clock: Clock;
  told: () => Promise<boolean>;
  urgent: () => void;
  stop: AbortController;
  left: AbortSignal;
}): LocalApi {
  const { run, program, supervisor, doors, member, names, definitions, upgrades } = parts;
  const { settings, state, clock, told, urgent, stop, left } = parts;
  return {
    status: () => ({
      ...member.status(),
      run,
      program,
      names: names?.status(),
      problems: [
        ...definitions.problems(),
        ...supervisor.problems(),
        ...member.problems(),
        ...[state.problem() ?? []].flat(),
        ...[upgrades.problem() ?? []].flat(),
      ],
      instances: supervisor.status().map((instance) => ({ ...instance, door: doors.status(instance) })),
    }),
    async drain(target, waitMs) {
      const drained = await supervisor.drain(target);
      const heard = await told();
      if (heard) await clock.wait(waitMs, left);
      return { drained, told: heard };
    },
    async undrain(target) {
      const undrained = await supervisor.undrain(target);
      urgent();
      return undrained;
    },
    test: () =>
      selfTest({
        instances: supervisor.status(),
        runtimeDir: settings.runtimeDir,
        reach: () => member.reach(),
        clockProblem: () => member.clockProblem(),
        beatProblem: () => member.status().bridge.problem,
        address: member.status().address,
        tryPods: () => probeOnce((results) => member.probe(results)).then(({ results }) => results),
      }),
    async reload() {
      await member.reload();
      await definitions.read();
      urgent();
    },
    upgradeEnvoys: () => upgrades.now(),
    stop: () => stop.abort(),
  };
}
